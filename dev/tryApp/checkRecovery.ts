import { BackendProcess } from '../harness/backend/BackendProcess';
import { say } from '../harness/command/clock';
import {
  countRuns,
  ScaffolderClient,
} from '../harness/backend/ScaffolderClient';
import { Checks } from './Checks';
import { PROMISED, REPORT, STRATEGIES, Strategy } from './templates';

/** Kills a backend in the second step of two tasks, starts it again, and sees whether they go on as their templates say. */
export async function checkRecovery(
  backend: BackendProcess,
  checks: Checks,
): Promise<void> {
  let client = await backend.start();
  checks.expect(
    'the module says at the start which settings it answers',
    (await backend.log()).includes('scaffolder.taskRecovery.enabled: true'),
  );
  const ids = {} as Record<Strategy, string>;
  for (const strategy of STRATEGIES) {
    ids[strategy] = await client.dispatch(
      `template:default/try-${strategy}`,
      {},
    );
  }
  for (const id of Object.values(ids)) {
    await client.waitForStep(id, 'work');
  }
  say('Both tasks are in their second step. Killing the backend');
  await backend.kill();
  client = await backend.start();
  say('It is up again');
  for (const strategy of STRATEGIES) {
    await checkTask(client, { id: ids[strategy], strategy, checks });
  }
}

async function checkTask(
  client: ScaffolderClient,
  options: { id: string; strategy: Strategy; checks: Checks },
): Promise<void> {
  const { id, strategy, checks } = options;
  const task = await client.waitForEnd(id);
  const events = await client.events(id);
  const log = () => events.map(e => e.body.message).join('\n');
  checks.expect(
    `${strategy}: the task is completed`,
    task.status === 'completed',
    log,
  );
  const runs = [...countRuns(task, events)]
    .map(([step, count]) => `${step} ${count}`)
    .join(', ');
  checks.expect(
    `${strategy}: the steps began so often: ${runs}`,
    runs === PROMISED[strategy],
    log,
  );
  checks.expect(
    `${strategy}: the last step had the output of the first one`,
    log().includes(REPORT),
    log,
  );
}

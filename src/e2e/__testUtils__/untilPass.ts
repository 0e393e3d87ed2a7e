import { Knex } from 'knex';
import { waitFor } from '../../../dev/harness/waitFor';
import { rememberStrategy } from '../../__testUtils__/rememberStrategy';
import { TASKS } from '../../scaffolder/tables';
import { insertTask, readTask } from '../../__testUtils__/scaffolderDatabase';

/** Above any `recoverTasksTimeout` of a test with real backends, and below `staleTimeout`. */
const SILENT_SECONDS = 3600;

/** Waits until some backend has made a pass that began after now, and decided on all that is interrupted: it closes a task of its own. */
export async function untilPass(knex: Knex): Promise<void> {
  const id = await knex.transaction(async tx => {
    const taskId = await insertTask(tx, { silentSeconds: SILENT_SECONDS });
    await rememberStrategy(tx, {
      task_id: taskId,
      strategy: 'none',
      source: 'template',
      remark: null,
    });
    return taskId;
  });
  await waitFor(
    'a pass',
    async () => (await readTask(knex, id)).status === 'failed',
  );
  // Nobody is to count it among the tasks of the test.
  await knex(TASKS).where({ id }).delete();
}

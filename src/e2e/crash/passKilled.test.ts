import { Knex } from 'knex';
import { waitFor } from '../../../dev/harness/waitFor';
import {
  insertEvent,
  insertTask,
} from '../../__testUtils__/scaffolderDatabase';
import { TestSite } from '../../../dev/harness/TestSite';
import { rememberStrategy } from '../../__testUtils__/rememberStrategy';
import { ATTEMPTS } from '../../database/tables';
import { TASK_EVENTS, TASKS } from '../../scaffolder/tables';
import { secondsAgo } from '../../database/time';

jest.setTimeout(180_000);

const TASK_COUNT = 2_000;

const running = { stepId: 'one', status: 'processing' };

/** The tasks that bear all marks of a decision. Throws if one bears some of them. */
async function changedTasks(knex: Knex): Promise<string[]> {
  const explained = new Set(
    await knex(TASK_EVENTS)
      .whereNot('body', JSON.stringify(running))
      .pluck('task_id'),
  );
  const silent = new Set(
    await knex(TASKS)
      .where('last_heartbeat_at', '<=', secondsAgo(knex, 3600))
      .pluck('id'),
  );
  const changed: string[] = [];
  for (const { id, status, secrets } of await knex(TASKS)) {
    const isClosed = status === 'failed' && secrets === null;
    const isHandedOver = status === 'processing' && silent.has(id);
    if (isClosed || isHandedOver) {
      changed.push(id);
    }
    expect({ id, isExplained: explained.has(id) }).toEqual({
      id,
      isExplained: isClosed || isHandedOver,
    });
  }
  return changed;
}

describe('a pass over many tasks', () => {
  let site: TestSite;
  afterEach(() => site.remove());

  it('that is killed in the middle leaves each task decided on or untouched, and the next one does the rest', async () => {
    site = await TestSite.create('PostgreSQL');
    const backend = await site.createBackend('backend', {
      concurrentTasksLimit: 0,
    });
    await backend.start();
    await backend.kill();
    const knex = site.openScaffolderDatabase();
    for (let i = 0; i < TASK_COUNT; i++) {
      const id = await insertTask(knex);
      await insertEvent(knex, id, 'log', running);
      await rememberStrategy(knex, {
        task_id: id,
        strategy: i % 2 ? 'none' : 'restart',
        source: 'template',
        remark: null,
      });
    }

    const countAttempts = async () =>
      Number((await knex(ATTEMPTS).count({ n: '*' }).first())!.n);
    const started = backend.start();
    await waitFor(
      'the pass to be in the middle',
      async () => (await countAttempts()) > 0,
      { intervalMs: 5 },
    );
    backend.signal('SIGKILL');
    await expect(started).rejects.toMatchObject({ name: 'Error' });
    const decided = await knex(ATTEMPTS).pluck('task_id');
    expect(decided.length).toBeLessThan(TASK_COUNT);
    expect((await changedTasks(knex)).sort()).toEqual(decided.sort());

    await backend.start();
    await waitFor(
      'all tasks to be decided on',
      async () => (await countAttempts()) === TASK_COUNT,
    );
    expect(await knex(ATTEMPTS).max({ attempt: 'attempt' })).toEqual([
      { attempt: 1 },
    ]);
    expect(await knex(TASKS).where('status', 'failed')).toHaveLength(
      TASK_COUNT / 2,
    );
  });
});

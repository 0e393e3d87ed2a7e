import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  readEvents,
  TEST_DATABASE_IDS,
  withRowsReversed,
} from '../../../__testUtils__/scaffolderDatabase';
import {
  appendPublishedTaskEvents,
  appendTaskEvents,
} from './appendTaskEvents';
import { readStepEvents } from './readStepEvents';
import { TASK_EVENTS, TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('task events on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
  });

  it('are appended in order, however many there are', async () => {
    const id = await insertTask(knex);
    const events = Array.from({ length: 1_200 }, (_, i) => ({
      taskId: id,
      type: 'log' as const,
      body: { message: `${i}` },
    }));
    await knex.transaction(tx => appendTaskEvents(tx, events));
    expect((await readEvents(knex, id)).map(e => e.body.message)).toEqual(
      events.map(e => e.body.message),
    );
    await knex.transaction(tx => appendTaskEvents(tx, []));
  });

  it('that are published come with their own ids, in whatever order the database returns its rows', async () => {
    const tasks = await Promise.all([1, 2, 3].map(() => insertTask(knex)));
    const ids = await withRowsReversed(knex, () =>
      knex.transaction(tx =>
        appendPublishedTaskEvents(
          tx,
          tasks.map(taskId => ({ taskId, type: 'recovered', body: {} })),
        ),
      ),
    );
    const rows = await knex(TASK_EVENTS).select('id', 'task_id');
    expect(ids).toEqual(
      new Map(rows.map(row => [row.task_id, Number(row.id)])),
    );
    expect(ids.size).toBe(3);
    expect(
      await knex.transaction(tx => appendPublishedTaskEvents(tx, [])),
    ).toEqual(new Map());
  });

  it('are read without log lines that change no step', async () => {
    const id = await insertTask(knex);
    const running = { message: 'x', stepId: 'a', status: 'processing' };
    await insertEvent(knex, id, 'log', running);
    await insertEvent(knex, id, 'log', {
      message: 'a body with "status":"failed" in its text',
      stepId: 'a',
    });
    await insertEvent(knex, id, 'cancelled', { message: 'c' });
    await insertEvent(knex, id, 'recovered', { recoverStrategy: 'none' });
    await insertEvent(knex, id, 'completion', { status: 'x' });
    const other = await insertTask(knex);
    await insertEvent(knex, other, 'log', running);
    await insertEvent(knex, await insertTask(knex), 'log', running);
    const body = JSON.stringify(running);
    expect(await readStepEvents(knex, [id, other])).toEqual(
      new Map([
        [id, [body, '"cancelled"', '"recovered"']],
        [other, [body]],
      ]),
    );
  });

  it('are read in the order in which they were written, task by task', async () => {
    const ids = [await insertTask(knex), await insertTask(knex)];
    const bodies = Array.from({ length: 60 }, (_, i) =>
      JSON.stringify({
        message: `${i}, "\n\u001e"`,
        stepId: 'a',
        status: 'completed',
      }),
    );
    for (const body of bodies) {
      for (const task_id of ids) {
        await knex(TASK_EVENTS).insert({ task_id, event_type: 'log', body });
      }
    }
    const empty = await insertTask(knex);
    expect(await readStepEvents(knex, [...ids, empty])).toEqual(
      new Map(ids.map(id => [id, bodies])),
    );
  });
});

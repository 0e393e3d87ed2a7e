import { TestDatabases } from '@backstage/backend-test-utils';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../dev/harness/waitFor';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { TASKS } from '../scaffolder/tables';
import { silentForAtLeast } from './time';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('time on %s', databaseId => {
  it('never makes a task stale early, at whatever fraction of a second it beat', async () => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    const silences = await Promise.all(
      [0, 130, 290, 410, 570, 720, 880].map(async offsetMs => {
        const id = await insertTask(knex);
        await sleep(offsetMs);
        const beatAt = Date.now();
        // As the scaffolder writes it.
        await knex(TASKS)
          .where({ id })
          .update({ last_heartbeat_at: knex.fn.now() });
        await waitFor(
          'the task to be stale',
          async () => {
            const rows = await knex(TASKS)
              .where({ id })
              .whereRaw(silentForAtLeast(knex, 2));
            return rows.length > 0;
          },
          { intervalMs: 10 },
        );
        return Date.now() - beatAt;
      }),
    );
    expect(Math.min(...silences)).toBeGreaterThanOrEqual(2_000);
  });
});

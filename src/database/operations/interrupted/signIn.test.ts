import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { TIMEOUTS } from '../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { lockInterruptedTasks } from './lockInterruptedTasks';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'the sign-in that a task was started with on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    const lockWith = async (expiresAt: unknown) => {
      const secrets = JSON.stringify({
        token: 'very-secret',
        __initiatorCredentials: JSON.stringify({ expiresAt, token: 'secret' }),
      });
      const id = await insertTask(knex, { secrets });
      const [row] = await knex.transaction(tx =>
        lockInterruptedTasks(tx, { taskIds: [id], ...TIMEOUTS }),
      );
      return row;
    };

    it('is reported when it has expired', async () => {
      const past = new Date(Date.now() - 60_000);
      const row = await lockWith(past.toISOString());
      expect(row.signInExpiredAt).toEqual(past);
      expect(JSON.stringify(row)).not.toContain('secret"');
    });

    it.each([
      new Date(Date.now() + 60_000).toISOString(),
      undefined,
      'soon',
      17,
    ])('is not reported otherwise: %j', async expiresAt => {
      expect((await lockWith(expiresAt)).signInExpiredAt).toBeUndefined();
    });
  },
);

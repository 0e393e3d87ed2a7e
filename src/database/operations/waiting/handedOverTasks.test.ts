import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  TIMEOUTS,
  listInterrupted,
  listHandedOver,
  handOver,
  beat,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  readTask,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { openHandedOverTasks } from './openHandedOverTasks';
import { ATTEMPTS } from '../../tables';
import { isSqlite, secondsAgo } from '../../time';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'handed-over tasks on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    const open = (...taskIds: string[]) =>
      knex.transaction(tx => openHandedOverTasks(tx, { taskIds, ...TIMEOUTS }));

    it('opens a task that waits to be claimed, and returns its strategy', async () => {
      const id = await insertTask(knex);
      await handOver(knex, id);
      expect(await listHandedOver(knex)).toEqual([id]);
      expect(await open(id)).toEqual([{ id, strategy: 'idempotent' }]);
      expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
      expect(await listHandedOver(knex)).toEqual([]);
    });

    it('leaves a task alone that beats, though the clock of the database was set back', async () => {
      const id = await insertTask(knex);
      await handOver(knex, id);
      await knex(TASKS)
        .where({ id })
        .update({ last_heartbeat_at: secondsAgo(knex, 5) });
      expect(await open(id)).toEqual([]);
      expect(await listHandedOver(knex)).toEqual([]);
    });

    it('does not wait for a task that somebody else has locked, and opens the others', async () => {
      if (isSqlite(knex)) {
        return;
      }
      const locked = await insertTask(knex);
      const free = await insertTask(knex);
      await handOver(knex, locked);
      await handOver(knex, free);
      await knex.transaction(async tx => {
        await tx(TASKS).where({ id: locked }).forUpdate();
        expect(await open(locked, free)).toEqual([
          { id: free, strategy: 'idempotent' },
        ]);
      });
      expect(await listHandedOver(knex)).toEqual([locked]);
    });

    it('leaves alone what was not handed over, was claimed since, or was cancelled', async () => {
      const interrupted = await insertTask(knex);
      const claimed = await insertTask(knex);
      const cancelled = await insertTask(knex);
      await handOver(knex, claimed);
      await beat(knex, claimed);
      await handOver(knex, cancelled);
      await insertEvent(knex, cancelled, 'cancelled', {});
      expect(await listHandedOver(knex)).toEqual([]);
      expect(await open(interrupted, claimed, cancelled)).toEqual([]);
      for (const id of [interrupted, claimed, cancelled]) {
        expect(await readTask(knex, id)).toMatchObject({
          status: 'processing',
        });
      }
    });

    it('a task that was handed over and is too old to run again is to be decided on once more', async () => {
      const id = await insertTask(knex);
      await handOver(knex, id);
      expect(await listHandedOver(knex)).toEqual([id]);
      expect(await listInterrupted(knex)).toEqual([]);
      // As in a database that was restored from a dump.
      await knex(TASKS).update({
        last_heartbeat_at: secondsAgo(knex, 2 * 86_400),
      });
      await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 80_000) });
      expect(await listHandedOver(knex)).toEqual([id]);
      expect(await listInterrupted(knex)).toEqual([]);
      await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 86_500) });
      expect(await listHandedOver(knex)).toEqual([]);
      expect(await listInterrupted(knex)).toEqual([id]);
    });
  },
);

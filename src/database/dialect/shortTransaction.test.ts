import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { once } from 'node:events';
import { TEST_DATABASE_IDS } from '../../__testUtils__/scaffolderDatabase';
import { isSqlite } from '../time';
import { shortTransaction } from './shortTransaction';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const LOCK = 4711;
/** So short that the test is quick. */
const SOON = 0.2;
const LATE = 60;

const takeLock = (tx: Knex.Transaction) =>
  tx.raw('select pg_advisory_xact_lock(?)', LOCK);

describe.each(databases.eachSupportedId())(
  'shortTransaction on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await knex.schema.createTable('things', table => table.integer('a'));
    });

    it('stores all or nothing', async () => {
      const failing = shortTransaction(knex, async tx => {
        await tx('things').insert({ a: 1 });
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await shortTransaction(knex, tx => tx('things').insert({ a: 2 }));
      expect(await knex('things')).toEqual([{ a: 2 }]);
    });

    it('does not wait for long for what another replica has locked', async () => {
      if (isSqlite(knex)) {
        return;
      }
      await knex.transaction(async holder => {
        await takeLock(holder);
        await expect(
          shortTransaction(knex, takeLock, {
            lockSeconds: SOON,
            idleSeconds: LATE,
          }),
        ).rejects.toThrow('canceling statement due to lock timeout');
      });
    });

    it('loses what it has locked when its process stalls, and stores nothing of it', async () => {
      if (isSqlite(knex)) {
        return;
      }
      const going = new EventTarget();
      const locked = new EventTarget();
      const stalled = shortTransaction(
        knex,
        async tx => {
          await takeLock(tx);
          await tx('things').insert({ a: 3 });
          locked.dispatchEvent(new Event('it is'));
          await once(going, 'on');
          await tx('things').insert({ a: 4 });
        },
        { lockSeconds: LATE, idleSeconds: SOON },
      );
      await once(locked, 'it is');
      await knex.transaction(takeLock);
      going.dispatchEvent(new Event('on'));
      await expect(stalled).rejects.toThrow();
      expect(await knex('things').where('a', '>', 2)).toEqual([]);
    });
  },
);

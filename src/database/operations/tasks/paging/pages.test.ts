import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  idsOf,
  PAGE,
  TIMEOUTS,
} from '../../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../../__testUtils__/scaffolderDatabase';
import { listInterruptedTasks } from '../../interrupted/listInterruptedTasks';
import { batchesOf, pageOfTasks } from './pages';
import { TASKS } from '../../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'pages of tasks on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    const batches = async () => {
      const all: string[][] = [];
      for await (const batch of batchesOf(p =>
        listInterruptedTasks(knex, TIMEOUTS, p),
      )) {
        all.push(batch);
      }
      return all;
    };

    it('goes through all tasks, over more than one page, few at a time', async () => {
      const ids = [];
      for (let i = 0; i < 820; i++) {
        ids.push(await insertTask(knex));
      }
      const all = await batches();
      expect(all.flat().sort()).toEqual(ids.sort());
      expect(all.map(b => b.length)).toEqual([400, 400, 20]);
    });

    it('never reads more than a few megabytes at once, and large tasks alone', async () => {
      const large = (megabytes: number) =>
        insertTask(knex, { state: 'x'.repeat(megabytes * 1_000_000) });
      for (const megabytes of [1.5, 3, 0.1, 3, 0.1, 1.5]) {
        await large(megabytes);
      }
      const sizes = new Map(
        (await listInterruptedTasks(knex, TIMEOUTS, PAGE)).map(t => [
          t.id,
          t.bytes,
        ]),
      );
      const all = await batches();
      expect(all.flat().sort()).toEqual([...sizes.keys()].sort());
      for (const batch of all.filter(b => b.length > 1)) {
        const bytes = batch.reduce((sum, id) => sum + sizes.get(id)!, 0);
        expect(bytes).toBeLessThanOrEqual(2_000_000);
      }
    });

    it('gives nothing if there is nothing', async () => {
      expect(await batches()).toEqual([]);
    });

    if (databaseId.startsWith('POSTGRES')) {
      it('lists them without just-in-time compilation', async () => {
        const id = await insertTask(knex);
        const query = knex(TASKS).whereRaw(`current_setting('jit') = 'off'`);
        expect(await idsOf(pageOfTasks(knex, query, PAGE))).toEqual([id]);
      });
    }
  },
);

import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertTask,
  migrateScaffolder,
  readTask,
  TestTask,
  TEST_DATABASE_IDS,
} from '../../../../__testUtils__/scaffolderDatabase';
import { rememberStrategy } from '../../../../__testUtils__/rememberStrategy';
import { clearUnneededSecrets } from './clearUnneededSecrets';
import { TASKS } from '../../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'clearUnneededSecrets on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    it('clears those of running tasks whose strategy is none', async () => {
      const task = async (strategy: string, options: TestTask) => {
        const id = await insertTask(knex, options);
        await rememberStrategy(knex, {
          task_id: id,
          strategy,
          source: 'template',
          remark: null,
        });
        return id;
      };
      const none = await task('none', { silentSeconds: 1 });
      const kept = [
        await task('restart', { silentSeconds: 1 }),
        await task('idempotent', { silentSeconds: 1 }),
        // Not claimed yet, or perhaps handed over.
        await task('none', { silentSeconds: 1, status: 'open' }),
        await task('none', { silentSeconds: 600 }),
        await insertTask(knex, { silentSeconds: 1 }),
      ];
      expect(await clearUnneededSecrets(knex, 30)).toBe(1);
      expect(await readTask(knex, none)).toMatchObject({ secrets: null });
      for (const id of kept) {
        expect(await readTask(knex, id)).toMatchObject({
          secrets: expect.stringContaining('very-secret'),
        });
      }
    });

    it('sends its timeout beside the statement, not in it', async () => {
      const sent: { sql: string; bindings: unknown[] }[] = [];
      const onQuery = (query: (typeof sent)[0]) => sent.push(query);
      knex.on('query', onQuery);
      await clearUnneededSecrets(knex, 12_345);
      knex.removeListener('query', onQuery);
      expect(sent.map(({ sql }) => sql).join()).not.toMatch(/1234/);
      expect(sent.flatMap(({ bindings }) => bindings).join()).toMatch(/1234/);
    });
  },
);

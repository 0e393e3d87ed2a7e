import { TestDatabases } from '@backstage/backend-test-utils';
import {
  PrometheusExporter,
  PrometheusSerializer,
} from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { SNAPSHOTS } from '../../database/tables';
import { reportKept } from './reportKept';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

it.each(databases.eachSupportedId())(
  'what is kept is reported by the store that it was written to, on %s',
  async databaseId => {
    const knex = await databases.init(databaseId);
    const reader = new PrometheusExporter({ preventServerStart: true });
    const provider = new MeterProvider({ readers: [reader] });
    let isReady = false;
    let now = 0;
    reportKept(provider.getMeter('backstage-plugin-scaffolder'), {
      knex,
      isReady: () => isReady,
      now: () => now,
      stores: ['directory:/new', 'database'],
    });
    const scrape = async () => {
      const { resourceMetrics } = await reader.collect();
      const text = new PrometheusSerializer().serialize(resourceMetrics);
      const values = text.matchAll(
        /^scaffolder_recovery_kept_(size|tasks)\w*\{.*?store="(.+?)".*?\} (\d+)/gm,
      );
      return [...values].map(([, name, store, value]) =>
        [name, store, value].join(' '),
      );
    };
    expect(await scrape()).toEqual([]);
    await migrateScaffolder(knex);
    isReady = true;
    const nothing = (await scrape()).sort();
    expect(nothing).toEqual([
      'size database 0',
      'size directory:/new 0',
      'tasks database 0',
      'tasks directory:/new 0',
    ]);

    const insert = async (stores: string[] | null) => {
      const taskId = await insertTask(knex);
      for (const number of [2, 3]) {
        await knex(SNAPSHOTS).insert({
          ...{ task_id: taskId, number, kind: 'files', epoch: 1, base: 1 },
          ...{ last_event: 0, files: 1, bytes: 90, stored_bytes: 10 },
          needs: stores && JSON.stringify({ stores, keys: [] }),
        });
      }
    };
    await insert(null);
    await insert(['directory:/old', 'directory:/new']);
    await insert(['directory:/new']);
    const statements = jest.fn();
    knex.on('query', statements);
    now = 59_999;
    // Not yet: each process reads it once a minute.
    expect((await scrape()).sort()).toEqual(nothing);
    expect(statements).not.toHaveBeenCalled();
    now = 60_000;
    expect((await scrape()).sort()).toEqual([
      'size database 20',
      'size directory:/new 40',
      'tasks database 1',
      'tasks directory:/new 2',
    ]);
    expect(statements).toHaveBeenCalledTimes(1);
    await provider.shutdown();
  },
);

import { schedulerServiceFactory } from '@backstage/backend-defaults/scheduler';
import {
  createMockDirectory,
  mockServices,
  startTestBackend,
  TestDatabases,
} from '@backstage/backend-test-utils';
import {
  BackendFeature,
  coreServices,
  createServiceFactory,
  ServiceFactory,
} from '@backstage/backend-plugin-api';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import scaffolderPlugin from '@backstage/plugin-scaffolder-backend';
import { JsonObject } from '@backstage/types';
import knexFactory, { Knex } from 'knex';
import recoveryModule, { scaffolderModuleRecovery } from './index';
import { ATTEMPTS, STRATEGIES } from './database/tables';
import {
  insertTask,
  migrateScaffolder,
  migrateScaffolderOnly,
  readTask,
  TEST_DATABASE_IDS,
} from './__testUtils__/scaffolderDatabase';
import { heartbeatTask } from './scaffolder/statements/heartbeatTask';
import { isPoll } from './scaffolder/statements/ScaffolderPoll';
import { secondsSinceServerStart } from './database/operations/server/secondsSinceServerStart';
import { rememberStrategy } from './__testUtils__/rememberStrategy';
import { waitFor } from '../dev/harness/waitFor';
import { watchOwnTimers } from './__testUtils__/ownTimers';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const ON = {
  recoverTasks: true,
  taskRecovery: { enabled: true, staleTimeout: { hours: 12 } },
};

describe('scaffolderModuleRecovery', () => {
  it('is the default export and a named one', () => {
    expect(recoveryModule).toBe(scaffolderModuleRecovery);
  });

  it('refuses to start on MySQL, with the reason and what to change, without a statement', async () => {
    const knex = knexFactory({ client: 'mysql2' });
    const statements: string[] = [];
    knex.on('query', ({ sql }) => statements.push(sql));
    await expect(
      startTestBackend({
        features: [
          scaffolderPlugin,
          recoveryModule,
          catalogServiceMock.factory(),
          mockServices.database.factory({ knex }),
          mockServices.rootConfig.factory({
            data: { scaffolder: { recoverTasks: true } },
          }),
        ],
      }),
    ).rejects.toThrow(
      /database is 'mysql2'; PostgreSQL \('pg'\) and SQLite \('better-sqlite3'\) are supported\. On MySQL the scaffolder cannot put tasks back into its queue[^]*recoverTasks: false/,
    );
    expect(statements).toEqual([]);
    await knex.destroy();
  });

  describe.each(databases.eachSupportedId())('on %s', databaseId => {
    const directory = createMockDirectory();
    async function start(
      knex: Knex,
      scaffolder: JsonObject,
      // The mocked scheduler runs nothing by itself.
      services: ServiceFactory[] = [schedulerServiceFactory],
      modules: BackendFeature[] = [recoveryModule],
    ) {
      return startTestBackend({
        features: [
          scaffolderPlugin,
          ...modules,
          ...services,
          catalogServiceMock.factory({
            entities: [
              {
                apiVersion: 'scaffolder.backstage.io/v1beta3',
                kind: 'Template',
                metadata: { name: 'restarts' },
                spec: { recovery: { strategy: 'restart' } },
              },
            ],
          }),
          mockServices.database.factory({ knex }),

          ...(services.some(s => s.service === coreServices.rootConfig)
            ? []
            : [
                mockServices.rootConfig.factory({
                  data: {
                    backend: { workingDirectory: directory.path },
                    scaffolder,
                  },
                }),
              ]),
        ],
      });
    }

    it('makes its tables on the first boot with an empty database', async () => {
      const knex = await databases.init(databaseId);
      const backend = await start(knex, ON);
      expect(await knex.schema.hasTable(ATTEMPTS)).toBe(true);
      expect(await knex.schema.hasTable(STRATEGIES)).toBe(true);
      await backend.stop();
    });

    it('recovers before the backend is up what it can decide on', async () => {
      const knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
      // Right after a start of the server nothing is decided.
      await waitFor(
        'the server to have been up for a while',
        async () => (await secondsSinceServerStart(knex)) > 10,
      );
      const id = await insertTask(knex);
      await rememberStrategy(knex, {
        task_id: id,
        strategy: 'none',
        source: 'default',
        remark: null,
      });
      const backend = await start(knex, ON);
      expect(await readTask(knex, id)).toMatchObject({ status: 'failed' });
      await backend.stop();
    });

    it('looks up what it does not remember, and recovers it then', async () => {
      const knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
      const restarts = await insertTask(knex, {
        templateRef: 'template:default/restarts',
      });
      const backend = await start(knex, ON);
      await waitFor('it to be decided on', () =>
        knex(ATTEMPTS).where({ task_id: restarts }).first(),
      );
      expect(
        await knex(ATTEMPTS).where({ task_id: restarts }).first(),
      ).toMatchObject({ decision: 'restart', strategy: 'restart' });
      await backend.stop();
    });

    it.each([
      [{}, ['Task recovery is off']],
      [{ recoverTasks: false }, []],
    ])(
      'leaves tasks and tables alone when it is switched off: %j, and logs %j',
      async (scaffolder, logged) => {
        const knex = await databases.init(databaseId);
        await migrateScaffolderOnly(knex);
        const id = await insertTask(knex);
        const before = await readTask(knex, id);
        const scheduler = mockServices.scheduler.mock();
        const events = mockServices.events.mock();
        const logger = mockServices.rootLogger.mock();
        logger.child.mockReturnValue(logger);

        const queries: string[] = [];
        knex.on('query', ({ sql }) => queries.push(sql));
        const effects = () => ({
          tasks: scheduler.scheduleTask.mock.calls.splice(0).length,
          subscriptions: events.subscribe.mock.calls.splice(0).length,
          // How many startup hooks there are is among them.
          lines: [logger.info, logger.warn, logger.error, logger.debug]
            .map(f => f.mock.calls.splice(0).map(([line]) => line))
            .flat()
            .filter(line => !/Plugin initialization/.test(String(line))),
        });
        const services = [scheduler.factory, events.factory, logger.factory];

        const without = await start(knex, scaffolder, services, []);
        await waitFor('the scaffolder to poll for open tasks', async () =>
          queries.some(q => /from .tasks. where .status. = .* limit/.test(q)),
        );
        await without.stop();
        const expected = effects();
        // Some run in the background, so which there are can be compared, and not how often or in which order.
        const known = new Set(queries.splice(0));

        const backend = await start(knex, scaffolder, services);
        await backend.stop();
        const found = effects();
        const said = found.lines.filter(line => /recover/.test(String(line)));
        expect(said.map(line => String(line).split(':')[0])).toEqual(logged);
        const lines = found.lines.filter(line => !said.includes(line));
        expect({ ...found, lines }).toEqual(expected);
        expect(queries.filter(q => !known.has(q))).toEqual([]);
        expect(known.size).toBeGreaterThan(0);
        expect(expected.lines.length).toBeGreaterThan(0);
        expect(await readTask(knex, id)).toEqual(before);
        expect(await knex.schema.hasTable(ATTEMPTS)).toBe(false);
      },
    );

    it.each([false, true])(
      'leaves no listener and no timer behind when it is stopped; the database is closed: %s',
      async isClosed => {
        const knex = await databases.init(databaseId);
        const timers = watchOwnTimers();
        const listeners = () =>
          (['query', 'query-response', 'query-error'] as const).map(
            event => knex.listeners(event).length,
          );
        const before = listeners();
        const backend = await start(knex, ON);
        // Of each the claims and one more: the scaffolder's polls, what the check waits for, transactions that fail.
        expect(listeners()).toEqual([
          before[0] + 2,
          before[1] + 2,
          before[2] + 2,
        ]);
        await backend.stop();
        // A claim that was sent just before may still be answered.
        expect(timers.active()).toContainEqual(
          expect.stringContaining('liveness/Shutdown.ts'),
        );
        const closed = isClosed ? knex.destroy() : undefined;
        // At once if the database is closed.
        expect(isClosed ? listeners() : before).toEqual(before);
        await closed;
        await waitFor('no timer', async () => timers.active().length === 0);
        timers.stop();
        expect(listeners()).toEqual(before);
      },
    );

    it.each([false, true])(
      'warns once if the scaffolder is not as it is known, and of nothing if it is; claims are other statements: %s',
      async isChanged => {
        const knex = await databases.init(databaseId);
        await migrateScaffolder(knex);
        const taskId = await insertTask(knex, {
          status: 'open',
          spec: JSON.stringify({
            apiVersion: 'scaffolder.backstage.io/v1beta3',
            parameters: {},
            output: {},
            steps: [
              {
                id: 'wait',
                name: 'Wait',
                action: 'debug:wait',
                input: { seconds: 3 },
              },
            ],
          }),
        });
        let [heartbeats, polls] = [0, 0];
        knex.on('query', statement => {
          heartbeats += heartbeatTask(statement) === taskId ? 1 : 0;
          polls += heartbeats > 0 && isPoll(statement.sql) ? 1 : 0;
        });
        knex.on('start', builder => {
          const update = builder._single?.update;
          if (isChanged && update?.status === 'processing') {
            update.created_by = 'somebody';
          }
        });
        const logger = mockServices.rootLogger.mock();
        logger.child.mockReturnValue(logger);
        const warnings = () =>
          logger.warn.mock.calls
            .map(([line]) => line)
            .filter(line => line.includes('tested with scaffolder'));

        const backend = await start(knex, ON, [
          schedulerServiceFactory,
          logger.factory,
        ]);
        await waitFor('the task to run', async () => heartbeats > 0);
        // The module looks as often as the scaffolder polls.
        await waitFor('two polls', async () => polls === 2, {
          timeoutMs: 40_000,
        });
        await backend.stop();
        const expected = [
          'Knex does not write the statement of a claim',
          `This process runs task ${taskId}`,
        ];
        const found = warnings().map(
          line => expected.find(begin => line.startsWith(begin)) ?? line,
        );
        expect(found.sort()).toEqual(isChanged ? expected : []);
      },
    );

    it('answers the settings that it needs and nobody has set, and touches no configuration when it is off', async () => {
      const knex = await databases.init(databaseId);
      const accessors = (config: object) =>
        Object.keys(config).filter(key => key.startsWith('get'));
      for (const [scaffolder, isOn] of [
        [{}, false],
        [{ recoverTasks: false }, false],
        [{ recoverTasks: true }, true],
      ] as const) {
        const data = {
          backend: { workingDirectory: directory.path },
          scaffolder,
        };
        const config = mockServices.rootConfig({ data });
        const before = accessors(config);
        const backend = await start(knex, scaffolder, [
          schedulerServiceFactory,
          createServiceFactory({
            service: coreServices.rootConfig,
            deps: {},
            factory: () => config,
          }),
        ]);
        expect(
          config.getOptionalBoolean('scaffolder.taskRecovery.enabled'),
        ).toBe(isOn ? true : undefined);
        expect(isOn || config.get()).toEqual(isOn || data);
        expect(isOn || accessors(config)).toEqual(isOn || before);
        await backend.stop();
      }
    });

    it('refuses to start when it is switched on and cannot work, with what to change', async () => {
      const knex = await databases.init(databaseId);
      await expect(
        start(knex, {
          recoverTasks: true,
          taskRecovery: { enabled: false, staleTimeout: '40s' },
        }),
      ).rejects.toThrow(
        /1\. scaffolder\.taskRecovery\.enabled is false[^]*2\. scaffolder\.taskRecovery\.staleTimeout is 40 seconds[^]*enabled: true[^]*staleTimeout: \{ hours: 12 \}/,
      );
    });
  });
});

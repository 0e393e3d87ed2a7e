import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { createBuiltIn } from '../../../dev/harness/inProcess/builtIn';
import { listen } from '../../database/connection/listen';
import { claimNoTask } from '../../database/operations/server/claimNoTask';
import { readSqliteVersion } from '../../database/operations/server/readSqliteVersion';
import {
  insertTask,
  migrateScaffolderOnly,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { ScaffolderCheck } from './ScaffolderCheck';
import { SentStatement } from '../statements/claimedTask';
import { TASKS } from '../tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const INSTALLED = { scaffolder: '4.3.1', module: '0.1.0' };
const VERSIONS =
  '(scaffolder 4.3.1, this module 0.1.0, tested with scaffolder 4.2.0 to 4.3.x)';

describe.each(databases.eachSupportedId())(
  'ScaffolderCheck on %s',
  databaseId => {
    let knex: Knex;
    let lifetime: AbortController;
    const logger = mockServices.logger.mock();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolderOnly(knex);
    });

    beforeEach(async () => {
      jest.clearAllMocks();
      lifetime = new AbortController();
      await knex(TASKS).delete();
    });

    afterEach(() => lifetime.abort());

    /** A check that listens to the statements of a client, as the module wires it. */
    function create(
      options: {
        listened?: Knex;
        versions?: { scaffolder?: string; module?: string };
        sqliteVersion?: string;
        getClient?: () => Promise<Knex>;
      } = {},
    ): ScaffolderCheck {
      const { listened = knex, versions = INSTALLED, sqliteVersion } = options;
      const { getClient = async () => knex } = options;
      const check = new ScaffolderCheck({
        versions,
        readSqliteVersion: async () => sqliteVersion ?? readSqliteVersion(knex),
        claimNoTask: async claim => claimNoTask(await getClient(), claim),
        logger,
      });
      const { signal } = lifetime;
      listen(listened, 'start', builder => check.starts(builder), signal);
      listen(listened, 'query', (s: SentStatement) => check.sent(s), signal);
      listen(
        listened,
        'query-response',
        (answer: unknown, s: SentStatement) => check.answered(answer, s),
        signal,
      );
      return check;
    }

    const warnings = () => logger.warn.mock.calls.map(([line]) => line);

    /** A worker of this process claims a task, as the scaffolder publishes it, and its heartbeat is written once. */
    async function claimAndBeat(check: ScaffolderCheck): Promise<string> {
      const id = await insertTask(knex, { status: 'open' });
      const store = await createBuiltIn(knex, logger);
      expect(await store.claimTask()).toMatchObject({ id });
      check.claimPublished(id);
      await store.heartbeatTask(id);
      return id;
    }

    /** From now on the statement of a claim is another one. */
    function changeClaims(
      change: (update: object, builder: Knex.QueryBuilder) => void,
    ) {
      listen(
        knex,
        'start',
        (builder: any) => {
          const update = builder._single?.update;
          if (update?.status === 'processing') {
            change(update, builder);
          }
        },
        lifetime.signal,
      );
    }

    it('warns of nothing when all is as declared, and asks the database once', async () => {
      const check = create();
      check.checkVersion();
      check.workersMayStart();
      await claimAndBeat(check);
      await check.runOnce();
      const statements: string[] = [];
      listen(
        knex,
        'query',
        ({ sql }: SentStatement) => statements.push(sql),
        lifetime.signal,
      );
      await check.runOnce();
      expect(warnings()).toEqual([]);
      expect(statements).toEqual([]);
    });

    it.each(['4.1.9', '4.4.0-next.1', '5.0.0', '0.0.0-nightly-20261126'])(
      'warns of the scaffolder %s, which was not tested',
      async scaffolder => {
        create({ versions: { scaffolder, module: '0.1.0' } }).checkVersion();
        expect(warnings()).toEqual([
          `This module was not tested with @backstage/plugin-scaffolder-backend ${scaffolder}, which is installed. Tasks are recovered, but what the module relies on may have changed, and only part of that is checked while it runs. Use a release of this module that was tested with it (scaffolder ${scaffolder}, this module 0.1.0, tested with scaffolder 4.2.0 to 4.3.x)`,
        ]);
      },
    );

    it('informs when the version of the scaffolder cannot be read, and works', async () => {
      const check = create({ versions: {}, sqliteVersion: '3.43.2' });
      check.checkVersion();
      await check.runOnce();
      expect(logger.info.mock.calls).toEqual([
        [
          'The version of @backstage/plugin-scaffolder-backend could not be read; this module was tested with 4.2.0 to 4.3.x',
        ],
      ]);
      expect(warnings()).toEqual([
        expect.stringContaining(
          '(scaffolder of unknown version, this module of unknown version,',
        ),
      ]);
    });

    it('warns once of an SQLite that is too old', async () => {
      const check = create({ sqliteVersion: '3.43.2' });
      await check.runOnce();
      await check.runOnce();
      expect(warnings()).toEqual([
        `SQLite 3.43.2 is older than 3.44.0, so the module's statements fail and no interrupted task is decided on. Upgrade better-sqlite3 to 9.1.0 or later ${VERSIONS}`,
      ]);
    });

    it('warns when the plugin has another knex instance than the module', async () => {
      const other = knexFactory({
        client: knex.client.config.client,
        useNullAsDefault: true,
      });
      const check = create({ listened: other });
      await check.runOnce();
      await other.destroy();
      expect(warnings()).toEqual([
        expect.stringMatching(
          /^Knex did not report a statement that was sent through the scaffolder's database client \(events missing: start, query, query-response\).*finished steps whose files are gone.*does not renew the heartbeats.*Let coreServices\.database return the same knex instance/,
        ),
      ]);
      expect(warnings()[0]).toContain(VERSIONS);
    });

    it('warns when knex writes the statement of a claim in another way', async () => {
      changeClaims((_, builder) => builder.whereRaw('1 = 1'));
      await create().runOnce();
      expect(warnings()).toEqual([
        `Knex does not write the statement of a claim as this module knows it, so the claims of this process are not recognised: this process does not renew the heartbeats of its tasks, so after a stall or an outage of the database they can be recovered while they still run, and their effects happen twice; and on SIGTERM they become recoverable after recoverTasksTimeout instead of 5 s. Use knex 3 without changes to its statements, or use a release of this module that was tested with the installed scaffolder, or set scaffolder.recoverTasks: false ${VERSIONS}`,
      ]);
    });

    it('asks again when the database does not answer', async () => {
      const getClient = jest
        .fn(async () => knex)
        .mockRejectedValueOnce(new Error('no connection'));
      const check = create({ getClient });
      await expect(check.runOnce()).rejects.toThrow('no connection');
      expect(warnings()).toEqual([]);
      await check.runOnce();
      expect(getClient).toHaveBeenCalledTimes(2);
      expect(warnings()).toEqual([]);
    });

    it('warns once when a task runs here that was claimed by a statement that it does not know', async () => {
      const check = create();
      check.workersMayStart();
      await check.runOnce();
      // As if a new release also stored something else with the claim.
      changeClaims(update => Object.assign(update, { created_by: 'somebody' }));
      const id = await claimAndBeat(check);
      await claimAndBeat(check);
      await check.runOnce();
      await claimAndBeat(check);
      await check.runOnce();
      expect(warnings()).toEqual([
        expect.stringMatching(
          `^This process runs task ${id}, but did not recognise the statement that claimed it: this process does not renew the heartbeats`,
        ),
      ]);
      expect(warnings()[0]).toContain(VERSIONS);
    });

    it('warns of no claim of another process, though its event arrives here', async () => {
      const check = create();
      check.workersMayStart();
      check.claimPublished(await insertTask(knex));
      // Later it is run here.
      const id = await insertTask(knex, { status: 'open' });
      check.claimPublished(id);
      const store = await createBuiltIn(knex, logger);
      expect(await store.claimTask()).toMatchObject({ id });
      await store.heartbeatTask(id);
      // Its own event, and once more by way of an events backend.
      check.claimPublished(id);
      await store.heartbeatTask(id);
      await check.runOnce();
      expect(warnings()).toEqual([]);
    });

    it('warns of a worker that claims before the startup hooks have ended', async () => {
      const check = create();
      const id = await claimAndBeat(check);
      check.workersMayStart();
      await check.runOnce();
      expect(warnings()).toEqual([
        expect.stringMatching(
          `^A worker claimed task ${id} before the startup hooks of the scaffolder plugin had ended: a task that was interrupted before this start can run again without a decision on it`,
        ),
      ]);
      expect(warnings()[0]).toContain(VERSIONS);
    });
  },
);

import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { waitFor } from '../../../dev/harness/waitFor';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { saveClaims } from '../../database/operations/processes/claims';
import { listHeldLocks } from '../../database/operations/processes/locks';
import { DbProcessRow, PROCESSES } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { ProcessRegistration } from './ProcessRegistration';
import { readThisProcess } from './thisProcess';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'ProcessRegistration on %s',
  databaseId => {
    let knex: Knex;
    const created: ProcessRegistration[] = [];
    const isPostgres = databaseId !== 'SQLITE_3';
    const settling = { restart: jest.fn() };
    const lockTrouble = { report: jest.fn(), over: jest.fn() };
    const logger = mockServices.logger.mock();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });
    beforeEach(async () => {
      jest.resetAllMocks();
      await knex(TASKS).delete();
      await knex(PROCESSES).delete();
    });
    afterEach(async () => {
      await Promise.all(created.splice(0).map(r => r.end(false)));
    });

    function create(
      as: Knex = knex,
      isTimeoutLong = false,
    ): ProcessRegistration {
      const process = readThisProcess();
      created.push(
        new ProcessRegistration({
          knex: as,
          process,
          settling,
          lockTrouble,
          isTimeoutLong,
          logger,
        }),
      );
      return created.at(-1)!;
    }
    const rows = (): Promise<DbProcessRow[]> => knex(PROCESSES);
    const holdsLock = async () => Boolean((await rows())[0]?.holds_lock);
    /** As it is called every second. */
    const waitWhileKept = (
      registration: ProcessRegistration,
      what: string,
      condition: () => Promise<boolean>,
    ) =>
      waitFor(what, async () => {
        await registration.keepOnce();
        return condition();
      });
    const sessionOf = async ({ number }: ProcessRegistration) =>
      knex('pg_stat_activity')
        .where('application_name', `scaffolder_recovery_process_${number}`)
        .pluck('pid');

    it('makes a row for the process, once, and removes it at the end', async () => {
      const registration = create();
      expect(registration.number).toBeUndefined();
      await Promise.all([registration.keepOnce(), registration.keepOnce()]);
      await registration.keepOnce();
      const { number } = registration;
      expect(number).toBeGreaterThan(0);
      expect(await rows()).toEqual([
        expect.objectContaining({ number, ...readThisProcess() }),
      ]);
      await registration.end(false);
      expect(await rows()).toEqual([]);
      await registration.keepOnce();
      expect(await rows()).toEqual([]);
    });

    it('leaves the row of a process that may still run a task', async () => {
      const registration = create();
      await registration.keepOnce();
      await registration.end(true);
      await registration.keepOnce();
      expect(await rows()).toHaveLength(1);
    });

    it('leaves the row of a process that has a task in flight', async () => {
      const registration = create();
      await registration.keepOnce();
      const claim = { process: registration.number!, recoveredEvent: 0 };
      await saveClaims(knex, [{ taskId: await insertTask(knex), ...claim }]);
      await registration.end(false);
      expect(await rows()).toHaveLength(1);
    });

    it('makes the row again if it is gone', async () => {
      const registration = create();
      await registration.keepOnce();
      const { number } = registration;
      await knex(PROCESSES).delete();
      await waitWhileKept(
        registration,
        'the row',
        async () => (await rows()).length === 1,
      );
      expect((await rows())[0].number).toBe(number);
    });

    it('tries again when the row cannot be made', async () => {
      await knex.schema.renameTable(PROCESSES, 'elsewhere');
      const registration = create();
      await expect(registration.keepOnce()).rejects.toMatchObject({
        message: expect.stringContaining(PROCESSES),
      });
      expect(registration.number).toBeUndefined();
      await knex.schema.renameTable('elsewhere', PROCESSES);
      await registration.keepOnce();
      expect(await rows()).toHaveLength(1);
    });

    it('is no dead process to itself', async () => {
      const registration = create();
      await registration.keepOnce();
      await knex(PROCESSES).update({ holds_lock: true });
      const { number } = registration;
      expect((await registration.findDead(knex)).numbers).not.toContain(number);
    });

    if (!isPostgres) {
      it('holds no lock', async () => {
        const registration = create();
        await registration.keepOnce();
        await registration.keepOnce();
        expect(await holdsLock()).toBe(false);
      });
      return;
    }

    it('stores that the process holds its lock when it does, and frees it at the end', async () => {
      const registration = create();
      await registration.keepOnce();
      await waitFor('the lock', holdsLock);
      expect(await listHeldLocks(knex)).toContain(registration.number);
      expect(await sessionOf(registration)).toHaveLength(1);
      await registration.end(false);
      await waitFor(
        'the session to end',
        async () => (await sessionOf(registration)).length === 0,
      );
    });

    it('keeps the lock of a process that may still run a task', async () => {
      const registration = create();
      await registration.keepOnce();
      await waitFor('the lock', holdsLock);
      await registration.end(true);
      await registration.keepOnce();
      expect(await sessionOf(registration)).toHaveLength(1);
      const [pid] = await sessionOf(registration);
      await knex.raw('select pg_terminate_backend(?)', pid);
      await waitFor(
        'the session to end',
        async () => (await sessionOf(registration)).length === 0,
      );
    });

    it('trusts no heartbeat after the session was lost, and goes on to hold the lock', async () => {
      const registration = create();
      await registration.keepOnce();
      await waitFor('the lock', holdsLock);
      const [pid] = await sessionOf(registration);
      await knex.raw('select pg_terminate_backend(?)', pid);
      await waitFor('another session', async () => {
        const [other] = await sessionOf(registration);
        return other && other !== pid;
      });
      expect(settling.restart).toHaveBeenCalledTimes(1);
      await waitFor('the lock', holdsLock);
    });

    it('stores that it holds no lock from the moment of the loss, also while what provides the settings hangs', async () => {
      const hanging = knexFactory({ client: 'pg', connection: {} });
      const { connectionSettings } = knex.client;
      let isHanging = false;
      hanging.client.connectionSettings = connectionSettings;
      hanging.client.connectionConfigExpirationChecker = () => true;
      hanging.client.connectionConfigProvider = () =>
        isHanging ? new Promise(() => {}) : connectionSettings;
      // The pool goes on with the connections that it has.
      hanging.client.acquireConnection = () => knex.client.acquireConnection();
      hanging.client.releaseConnection = (connection: unknown) =>
        knex.client.releaseConnection(connection);
      const registration = create(hanging);
      await registration.keepOnce();
      await waitFor('the lock', holdsLock);
      isHanging = true;
      const [pid] = await sessionOf(registration);
      await knex.raw('select pg_terminate_backend(?)', pid);
      await waitFor('it to be stored', async () => !(await holdsLock()), {
        timeoutMs: 4_000,
      });
      isHanging = false;
      // The attempt that hangs is given up.
      await waitFor('the lock', holdsLock);
      expect(await sessionOf(registration)).toHaveLength(1);
      await registration.end(false);
      await hanging.destroy();
    });

    it('stores what is so after a write of which it is not known whether it came through', async () => {
      const registration = create();
      await registration.keepOnce();
      await waitFor('the lock', holdsLock);
      const [pid] = await sessionOf(registration);
      // The write comes through, and its answer does not.
      let failures = 0;
      const query = jest
        .spyOn(knex.client, 'processResponse')
        .mockImplementation(function fail(this: unknown, ...args: any[]) {
          if (/^insert into .*processes/.test(args[0].sql)) {
            failures += 1;
            query.mockRestore();
            throw new Error('no answer');
          }
          return Object.getPrototypeOf(knex.client).processResponse.apply(
            knex.client,
            args,
          );
        });
      await knex.raw('select pg_terminate_backend(?)', pid);
      await waitFor('the failure', async () => failures > 0);
      await waitFor(
        'the lock',
        async () => {
          await registration.keepOnce();
          return holdsLock();
        },
        { timeoutMs: 4_000 },
      );
      expect(failures).toBe(1);
    });

    it('knows that all have lost their locks if there are two or more and none is held', async () => {
      const registration = create();
      const other = { ...readThisProcess(), holds_lock: true };
      expect(await registration.haveAllLostLocks()).toBe(false);
      await knex(PROCESSES).insert({ ...other, number: 1 });
      expect(await registration.haveAllLostLocks()).toBe(false);
      await knex(PROCESSES).insert({ ...other, number: 2, holds_lock: false });
      expect(await registration.haveAllLostLocks()).toBe(false);
      await knex(PROCESSES).update({ holds_lock: true });
      expect(await registration.haveAllLostLocks()).toBe(true);
      await registration.keepOnce();
      await waitFor('the lock', async () =>
        Boolean(
          (await knex(PROCESSES).where('number', registration.number!).first())
            .holds_lock,
        ),
      );
      expect(await registration.haveAllLostLocks()).toBe(false);
    });

    it.each([
      ['info', false],
      ['warn', true],
    ] as const)(
      'says once, by %s, that only the timeout tells of its crash behind a pooler, and holds no lock',
      async (level, isTimeoutLong) => {
        const { connectionSettings, driver } = knex.client;
        const { host, port, database, user, password } = connectionSettings;
        const pooled = knexFactory({
          client: 'pg',
          connection: { host, port, database, user, password },
        });
        pooled.client.driver = {
          Client: class extends driver.Client {
            // Invented, whatever the server says.
            get processID() {
              return 1;
            }
            set processID(_) {}
          },
        };
        const registration = create(pooled, isTimeoutLong);
        await registration.keepOnce();
        await waitFor(
          'the line',
          async () => logger[level].mock.calls.length === 1,
        );
        expect(logger[level].mock.calls[0][0]).toMatch(
          /noticed after scaffolder\.recoverTasksTimeout only: .* connection pooler/,
        );
        await registration.keepOnce();
        expect(await holdsLock()).toBe(false);
        expect(await listHeldLocks(knex)).not.toContain(registration.number);
        await registration.end(false);
        await pooled.destroy();
      },
    );

    it('stores that the lock could not be taken again, by the connections that there are', async () => {
      const { host, port, database } = knex.client.connectionSettings;
      await knex.raw(`create role kept login superuser password 'kept'`);
      const kept = knexFactory({
        client: 'pg',
        connection: { host, port, database, user: 'kept', password: 'kept' },
        pool: { min: 1, max: 2 },
      });
      try {
        const registration = create(kept);
        await registration.keepOnce();
        await waitFor('the lock', holdsLock);
        // Of no further session. Those of the pool go on.
        await knex.raw('alter role kept nologin');
        const [pid] = await sessionOf(registration);
        await knex.raw('select pg_terminate_backend(?)', pid);
        await waitFor('it to be stored', async () => !(await holdsLock()));
        expect(await rows()).toHaveLength(1);

        await knex.raw('alter role kept login');
        await waitWhileKept(registration, 'the lock', holdsLock);
        expect(await listHeldLocks(knex)).toContain(registration.number);
        await registration.end(false);
        await waitFor(
          'the session to end',
          async () => (await sessionOf(registration)).length === 0,
        );
      } finally {
        await kept.destroy();
        await knex.raw('drop role kept');
      }
    });
  },
);

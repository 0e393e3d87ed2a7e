import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { createPass } from '../../../dev/harness/inProcess/createPass';
import { waitFor } from '../../../dev/harness/waitFor';
import {
  RealScaffolder,
  RealStep,
  StepEffect,
} from '../../__testUtils__/RealScaffolder';
import {
  insertEvent,
  migrateScaffolder,
  newAttempt,
  readEvents,
  readTask,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import {
  attemptRow,
  recordAttempts,
} from '../../database/operations/attempts/recordAttempts';
import { readFencingToken } from '../../database/operations/runs/readFencingToken';
import { rememberStrategy } from '../../__testUtils__/rememberStrategy';
import { ATTEMPTS, SHUTDOWNS } from '../../database/tables';
import { isSqlite, secondsAgo } from '../../database/time';
import { Strategy } from '../../decision/strategy';
import { TASKS } from '../../scaffolder/tables';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { markBrokenRun } from './markBrokenRun';
import { fillInTurn } from '../ownership/fillInTurn';
import { LostOwnership, OwnedRuns } from '../ownership/OwnedRuns';
import { OwnershipLostError } from '../ownership/OwnershipLostError';
import { RunTurns } from '../ownership/RunTurns';
import { watchClaims } from '../ownership/watchClaims';
import { GuardedRun, RunBrokenError, RunGuard } from './RunGuard';
import { watchRuns } from './watchRuns';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const LOST = 'Connection terminated unexpectedly';
const REFUSED = 'connect ECONNREFUSED 127.0.0.1:5432';

/** A statement as knex sends it to the driver. */
type Sent = { sql: string; bindings?: unknown[] };
const says =
  (text: string) =>
  ({ bindings = [] }: Sent) =>
    bindings.some(value => String(value).includes(text));
const saves = ({ sql }: Sent) => /^update .tasks. set .state. =/.test(sql);
const stores =
  (status: string) =>
  ({ sql, bindings = [] }: Sent) =>
    /^update .tasks. set .status. =/.test(sql) && bindings.includes(status);

describe.each(databases.eachSupportedId())('watchRuns on %s', databaseId => {
  let knex: Knex;
  let scaffolder: RealScaffolder;
  let lifetime: AbortController;
  let runs: OwnedRuns;
  let turns: RunTurns<GuardedRun>;
  let folders: RunFolders;
  let onFill: () => Promise<void>;
  let onStep: StepEffect;
  /** For how long the process was stopped. */
  let skippedMs: number;
  let isTokenKnown: boolean;
  const directory = createMockDirectory();
  const logger = mockServices.logger.mock();

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    jest.clearAllMocks();
    directory.clear();
    await knex(TASKS).delete();
    onStep = () => {};
    onFill = async () => {};
    scaffolder = await RealScaffolder.create({
      knex,
      workingDirectory: directory.path,
      logger,
      workspaceProvider: {
        rehydrateWorkspace: ({ taskId }) =>
          fillInTurn(taskId, () => onFill(), { turns, runs, folders, logger }),
        serializeWorkspace: async () => {},
        cleanWorkspace: async () => {},
      },
      onStep: step => onStep(step),
    });
    lifetime = new AbortController();
    const { signal } = lifetime;
    folders = new RunFolders(directory.path, logger);
    const hasFolder = (taskId: string) => folders.has(taskId);
    turns = new RunTurns({ hasFolder, signal });
    const guard = new RunGuard({
      turns,
      hasFolder,
      wasReady: () => true,
      onBroken: run => void markBrokenRun(run, { knex, signal, logger }),
    });
    skippedMs = 0;
    isTokenKnown = true;
    runs = new OwnedRuns({
      knex,
      folders,
      clock: () => performance.now() + skippedMs,
      onClaimed: (taskId, token) =>
        guard.claimed(
          taskId,
          isTokenKnown ? token : Promise.resolve(undefined),
        ),
      onLostOwnership: taskId => guard.lostOwnership(taskId),
      onRolledBack: taskId => turns.rolledBack(taskId),
    });
    watchClaims({ knex, runs, folders, signal, logger });
    watchRuns({ knex, runs, turns, guard, signal, logger });
  });

  afterEach(() => {
    jest.restoreAllMocks();
    lifetime.abort();
  });

  const steps: RealStep[] = [
    { id: 'one' },
    { id: 'two' },
    { id: 'three' },
    { id: 'clean-up', if: '${{ failure() }}' },
  ];

  async function dispatch(
    strategy: Strategy,
    of: RealStep[] = steps,
  ): Promise<string> {
    const taskId = await scaffolder.dispatch(of);
    await rememberStrategy(knex, {
      task_id: taskId,
      strategy,
      source: 'template',
      remark: null,
      max_attempts: null,
    });
    return taskId;
  }

  /** Has statements fail for a lost connection, once each, one after the other. */
  function lose(...lost: ((statement: Sent) => boolean)[]) {
    const { prototype } = knex.client.constructor;
    const send = prototype._query;
    jest.spyOn(prototype, '_query').mockImplementation(async function query(
      this: unknown,
      ...args: any[]
    ) {
      if (lost[0]?.(args[1])) {
        lost.shift();
        if (args[1].sql === 'COMMIT;') {
          // The server does that when a connection ends.
          await send.call(this, args[0], { ...args[1], sql: 'ROLLBACK' });
        }
        throw new Error(LOST);
      }
      return send.apply(this, args);
    });
    return lost;
  }

  const marks = async (taskId: string) =>
    knex(SHUTDOWNS).where({ task_id: taskId });
  /** Whether the last run of a task is marked. */
  const isMarked = async (taskId: string) => {
    const { recoveredEvent } = await readFencingToken(knex, taskId);
    const [mark] = await marks(taskId);
    return mark && Number(mark.recovered_event) === recoveredEvent;
  };
  const status = async (taskId: string) =>
    (await readTask(knex, taskId)).status;

  /** The task is silent for a few seconds, and a pass decides on it. */
  async function recover(taskId: string) {
    await waitFor('the mark', () => isMarked(taskId));
    await knex(TASKS)
      .where({ id: taskId })
      .update({ last_heartbeat_at: secondsAgo(knex, 7) });
    // A decision is older than the run that follows it.
    await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 60) });
    const pass = await createPass(knex, logger, directory.path);
    return pass.runAtStartup();
  }

  it.each<[string, (statement: Sent) => boolean, number[][]]>([
    ['says that the run begins', says('Starting up'), [[], [0, 1, 2]]],
    ['begins a step', says('Beginning step two'), [[0], [1, 2]]],
    [
      'records a step',
      says('"two":{"status":"comp'),
      [
        [0, 1],
        [1, 2],
      ],
    ],
    ['says that a step has finished', says('Finished step two'), [[0, 1], [2]]],
    ['skips a step', says('Skipping step clean-up'), [[0, 1, 2], []]],
  ])(
    'has a task go on when the statement is lost that %s',
    async (_, statement, begun) => {
      const taskId = await dispatch('idempotent');
      const left = lose(statement);
      await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
      expect(left).toEqual([]);
      expect(await status(taskId)).toBe('processing');
      await recover(taskId);
      expect(await marks(taskId)).toMatchObject([
        { cause: 'connection', problem: LOST },
      ]);
      expect(await knex(ATTEMPTS)).toMatchObject([{ spent: 1 }]);
      await scaffolder.run();
      expect(await status(taskId)).toBe('completed');
      expect(scaffolder.begun.get(taskId)).toEqual(begun);
    },
  );

  it('has a task go on when its statement got no connection', async () => {
    const taskId = await dispatch('idempotent');
    onStep = ({ place, run, part }) => {
      if (place === 1 && run === 1 && part === 'second') {
        jest
          .spyOn(knex.client, 'acquireConnection')
          .mockRejectedValueOnce(new Error(REFUSED));
      }
    };
    await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
    await recover(taskId);
    expect(await marks(taskId)).toMatchObject([{ problem: REFUSED }]);
    await scaffolder.run();
    expect(await status(taskId)).toBe('completed');
  });

  it('looks like a run whose process died: no further step begins, and nothing ends in its log', async () => {
    const taskId = await dispatch('idempotent');
    lose(saves);
    await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
    expect(scaffolder.begun.get(taskId)).toEqual([[0]]);
    const events = await readEvents(knex, taskId);
    expect(events.map(e => e.body.status)).toEqual([undefined, 'processing']);
  });

  it.each([
    ['is stored', stores('completed')],
    ['is committed', ({ sql }: Sent) => sql === 'COMMIT;'],
  ])(
    'finishes a task whose connection is lost when its result %s',
    async (_, statement) => {
      const taskId = await dispatch('idempotent', [{ id: 'one' }]);
      let isEnding = false;
      lose(sent => {
        isEnding ||= stores('completed')(sent);
        return isEnding && statement(sent);
      });
      await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
      expect(await status(taskId)).toBe('processing');
      await recover(taskId);
      expect(await knex(ATTEMPTS)).toMatchObject([{ decision: 'finish' }]);
      await scaffolder.run();
      expect(await status(taskId)).toBe('completed');
      expect(scaffolder.begun.get(taskId)).toEqual([[0], []]);
    },
  );

  it('ends the heartbeats of a run whose end could not be stored at all', async () => {
    const taskId = await dispatch('idempotent', [{ id: 'one' }]);
    lose(stores('completed'), stores('failed'));
    // The second end is refused before it is sent, or lost.
    await expect(scaffolder.run()).rejects.toThrow();
    await waitFor('the mark', async () => (await marks(taskId)).length === 1);
    await waitFor('the heartbeats to end', async () =>
      logger.error.mock.calls.some(([message]) =>
        String(message).startsWith(`Heartbeat for task ${taskId} failed`),
      ),
    );
  });

  it('closes a task without a strategy with the reason that the database gave', async () => {
    const taskId = await dispatch('none');
    lose(says('Beginning step two'));
    await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
    await recover(taskId);
    const events = await readEvents(knex, taskId);
    expect(await status(taskId)).toBe('failed');
    const { message } = events.at(-1)!.body.error as any;
    expect(message).toContain(LOST);
    expect(message).toContain(`its template has the recovery strategy 'none'`);
  });

  it('closes a task that is interrupted again and again', async () => {
    const taskId = await dispatch('restart');
    for (let i = 0; i < 4; i++) {
      lose(says('Beginning step one'));
      await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
      jest.restoreAllMocks();
      await recover(taskId);
    }
    expect(await status(taskId)).toBe('failed');
  });

  it('lets a task fail whose action fails with what reads like a lost connection', async () => {
    const taskId = await dispatch('idempotent');
    onStep = ({ place }) => {
      if (place === 1) {
        throw new Error(LOST);
      }
    };
    await scaffolder.run();
    expect(await status(taskId)).toBe('failed');
    expect(scaffolder.begun.get(taskId)).toEqual([[0, 1, 3]]);
    expect(await marks(taskId)).toEqual([]);
  });

  it('lets a task fall silent whose run is broken and whose folder cannot be removed', async () => {
    const taskId = await dispatch('idempotent');
    lose(says('Beginning step two'));
    // As with files of another user in it.
    jest.spyOn(RunFolders.prototype, 'has').mockReturnValue(true);
    await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
    expect(runs.isAlive(taskId)).toBe(false);
  });

  it('ends a run that has lost ownership at its next statement, and stores nothing more of it', async () => {
    const taskId = await dispatch('idempotent');
    let before: unknown[] = [];
    let lost: LostOwnership[] = [];
    const stored = async () => [
      await readTask(knex, taskId),
      await readEvents(knex, taskId),
    ];
    onStep = async ({ place, part }) => {
      if (place === 1 && part === 'second') {
        await runs.renewHeartbeats();
        // As another process does that has decided on it and claimed it.
        await insertEvent(knex, taskId, 'recovered', {});
        await knex.transaction(tx =>
          recordAttempts(tx, [newAttempt({ taskId })]),
        );
        lost = (await runs.renewHeartbeats()).lostOwnership;
        before = await stored();
      }
    };
    await expect(scaffolder.run()).rejects.toThrow(OwnershipLostError);
    expect(lost).toMatchObject([{ taskId }]);
    expect(scaffolder.begun.get(taskId)).toEqual([[0, 1]]);
    expect(await stored()).toEqual(before);
    expect(await marks(taskId)).toEqual([]);
  });

  describe('when this process claims a task again that it still runs', () => {
    /** As others do that have decided on the task, and the scaffolder, which opens it. */
    async function queueAgain(taskId: string, attempt = 1): Promise<void> {
      const decided = newAttempt({ taskId, attempt });
      await knex.transaction(tx => recordAttempts(tx, [decided]));
      await insertEvent(knex, taskId, 'recovered', {});
      await knex(TASKS).where({ id: taskId }).update({ status: 'open' });
    }

    it('begins when the earlier run has ended its step, which stores nothing more', async () => {
      const taskId = await dispatch('idempotent');
      let endStep = () => {};
      onStep = ({ run, place, part }) =>
        run === 1 && place === 1 && part === 'first'
          ? new Promise(resolve => (endStep = resolve))
          : undefined;
      const first = scaffolder.run();
      const begun = scaffolder.begun.get(taskId)!;
      await waitFor('step two', async () => begun[0]?.includes(1));
      await queueAgain(taskId);
      const atEnd = jest.fn();
      const second = scaffolder.run().finally(atEnd);
      await waitFor('the second run to wait', async () =>
        turns.isAwaited(taskId),
      );
      await waitFor('a heartbeat of it', async () => {
        const before = (await readTask(knex, taskId)).last_heartbeat_at;
        await waitFor(
          'the next',
          async () =>
            String((await readTask(knex, taskId)).last_heartbeat_at) !==
            String(before),
        );
        return true;
      });
      expect(runs.isAlive(taskId)).toBe(true);
      expect(begun).toEqual([[0, 1], []]);
      const before = await readEvents(knex, taskId);

      endStep();
      await expect(first).rejects.toThrow(OwnershipLostError);
      await second;
      expect(await status(taskId)).toBe('completed');
      expect(begun).toEqual([
        [0, 1],
        [1, 2],
      ]);
      const events = await readEvents(knex, taskId);
      expect(events.slice(0, before.length)).toEqual(before);
      const ended = events
        .slice(before.length)
        .filter(({ body }) => body.status === 'completed');
      expect(ended.map(({ body }) => body.stepId)).toEqual([
        ...['one', 'two', 'three'],
      ]);
      await runs.renewHeartbeats();
      expect(runs.isAlive(taskId)).toBe(false);
    });

    it('does not wait for a run that has ended and whose folder cannot be removed', async () => {
      const taskId = await dispatch('restart', [{ id: 'one' }]);
      await scaffolder.run();
      // As with files of another user in it.
      jest.spyOn(RunFolders.prototype, 'has').mockReturnValue(true);
      await scaffolder.retry(taskId);
      await scaffolder.run();
      expect(await status(taskId)).toBe('completed');
    });

    it.each([undefined, 'as of a store that is away'])(
      'leaves the folder to the last run if the earlier one is not through with filling it, also if that fails: %s',
      async problem => {
        const taskId = await dispatch('restart');
        let endFill = () => {};
        const fills: jest.Mock = jest
          .fn()
          .mockImplementationOnce(
            () => new Promise<void>(resolve => (endFill = resolve)),
          );
        onFill = async () => {
          await fills();
          if (problem && fills.mock.calls.length === 1) {
            throw new Error(problem);
          }
        };
        const first = scaffolder.run();
        await waitFor('the first', async () => fills.mock.calls.length === 1);
        await queueAgain(taskId);
        const second = scaffolder.run();
        await waitFor('the second run to wait', async () =>
          turns.isAwaited(taskId),
        );
        await queueAgain(taskId, 2);
        const third = scaffolder.run();
        await waitFor('the third', async () =>
          Promise.resolve(scaffolder.begun.get(taskId)!.length === 3),
        );
        expect(fills).toHaveBeenCalledTimes(1);
        endFill();
        const lost = 'lost ownership';
        await expect(first).rejects.toThrow(lost);
        await expect(second).rejects.toThrow(lost);
        await third;
        expect(await status(taskId)).toBe('completed');
        expect(scaffolder.begun.get(taskId)).toEqual([[], [], [0, 1, 2]]);
        expect(fills).toHaveBeenCalledTimes(2);
      },
    );
  });

  it.each(['stopped', 'waiting for a connection'])(
    'refuses what a run stores that others have decided on while its process was %s, before it has noticed',
    async how => {
      const taskId = await dispatch('restart');
      let before: unknown[] = [];
      const stored = async () => [
        await readTask(knex, taskId),
        await readEvents(knex, taskId),
      ];
      const decide = async () => {
        await insertEvent(knex, taskId, 'recovered', {});
        await knex.transaction(tx =>
          recordAttempts(tx, [newAttempt({ taskId })]),
        );
        before = await stored();
        skippedMs = 6_000;
      };
      const { client } = knex;
      const acquire = client.acquireConnection;
      onStep = async ({ place, part }) => {
        if (place !== 1 || part !== 'second') {
          return;
        }
        await runs.renewHeartbeats();
        if (how === 'stopped') {
          await decide();
          return;
        }
        client.acquireConnection = async () => {
          client.acquireConnection = acquire;
          await decide();
          return acquire.call(client);
        };
      };
      await expect(scaffolder.run()).rejects.toThrow(OwnershipLostError);
      expect(await stored()).toEqual(before);
      expect(scaffolder.begun.get(taskId)).toEqual([[0, 1]]);
      // Both logs report it.
      const { lostOwnership } = await runs.renewHeartbeats();
      expect(lostOwnership).toMatchObject([{ taskId }]);
    },
  );

  describe.each(['completed', 'failed'])(
    'when the process of a run that has %s is stopped',
    ending => {
      const step: RealStep = { id: 'one' };
      /** Does something just before the end of the run is stored, when it has sent its last line. */
      function beforeEnd(action: () => Promise<unknown>) {
        const { client } = knex;
        const { transaction, acquireConnection } = client;
        const begin = jest.spyOn(client, 'transaction');
        onStep = ({ part }) => {
          if (part === 'second') {
            begin.mockImplementationOnce((...args) => {
              jest
                .spyOn(client, 'acquireConnection')
                .mockImplementationOnce(async () => {
                  await action();
                  return acquireConnection.call(client);
                });
              return transaction.apply(client, args);
            });
            if (ending === 'failed') {
              throw new Error('own');
            }
          }
        };
      }
      const decide = (taskId: string) =>
        knex(ATTEMPTS).insert(attemptRow(newAttempt({ taskId })));

      it('does not end the run with which another process has reclaimed the task', async () => {
        const taskId = await dispatch('restart', [step]);
        let before: unknown[] = [];
        const stored = async () => [
          await readTask(knex, taskId),
          await readEvents(knex, taskId),
        ];
        beforeEnd(async () => {
          await decide(taskId);
          await insertEvent(knex, taskId, 'recovered', {});
          before = await stored();
        });
        await expect(scaffolder.run()).rejects.toThrow(
          `Failed to update status to 'failed' for taskId ${taskId}`,
        );
        expect(await stored()).toEqual(before);
        expect(before).toMatchObject([
          { status: 'processing', secrets: expect.stringContaining('x') },
          expect.anything(),
        ]);
      });

      it('stores its end if nobody has claimed the task since it was decided on', async () => {
        const taskId = await dispatch('restart', [step]);
        let isDecided = false;
        beforeEnd(async () => {
          await decide(taskId);
          isDecided = true;
        });
        await scaffolder.run();
        expect(isDecided).toBe(true);
        expect(await status(taskId)).toBe(ending);
      });

      it('stores its end if its fencing token could not be read', async () => {
        isTokenKnown = false;
        const taskId = await dispatch('restart', [step]);
        beforeEnd(() => insertEvent(knex, taskId, 'recovered', {}));
        await scaffolder.run();
        expect(await status(taskId)).toBe(ending);
      });

      it('stores its end if that cannot be made to ask for it', async () => {
        const taskId = await dispatch('restart', [step]);
        const { prototype } = knex.queryBuilder().constructor;
        beforeEnd(async () => {
          jest.spyOn(prototype, 'whereNotExists').mockImplementation(() => {
            throw new Error('of another shape');
          });
        });
        await scaffolder.run();
        expect(await status(taskId)).toBe(ending);
        // On a slow machine the scaffolder complains of a heartbeat after the end.
        expect(logger.error).toHaveBeenCalledWith(
          expect.stringContaining('Could not read or extend a statement'),
          expect.objectContaining({ message: 'of another shape' }),
        );
      });
    },
  );

  it('lets a run go on whose ownership cannot be read', async () => {
    const taskId = await dispatch('idempotent');
    onStep = async ({ place }) => {
      skippedMs += 6_000;
      if (place === 1 && (await knex.schema.hasTable(ATTEMPTS))) {
        await knex.schema.renameTable(ATTEMPTS, 'elsewhere');
      }
    };
    await scaffolder.run();
    await knex.schema.renameTable('elsewhere', ATTEMPTS);
    expect(await status(taskId)).toBe('completed');
  });

  it('lets an end that has nothing to do with it be stored', async () => {
    const taskId = await dispatch('idempotent', [{ id: 'one', failsIn: [1] }]);
    await scaffolder.run();
    expect(await status(taskId)).toBe('failed');
    lifetime.abort();
    expect(Object.hasOwn(knex.client, 'runner')).toBe(false);
  });

  it('has a task go on though the server itself ends the connection', async () => {
    if (isSqlite(knex)) {
      return;
    }
    await knex.raw(`
      create sequence once;
      create function end_connection() returns trigger language plpgsql as $$ begin
        if new.body like '%Finished step two%' and nextval('once') = 1 then
          perform pg_terminate_backend(pg_backend_pid()), pg_sleep(5);
        end if;
        return new;
      end $$;
      create trigger end_connection before insert on task_events
        for each row execute function end_connection();
    `);
    const taskId = await dispatch('idempotent');
    await expect(scaffolder.run()).rejects.toThrow(RunBrokenError);
    await recover(taskId);
    expect(await marks(taskId)).toMatchObject([
      { problem: 'terminating connection due to administrator command' },
    ]);
    await scaffolder.run();
    expect(await status(taskId)).toBe('completed');
    expect(scaffolder.begun.get(taskId)).toEqual([[0, 1], [2]]);
  });
});

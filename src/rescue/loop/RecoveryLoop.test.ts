import {
  createMockDirectory,
  mockServices,
} from '@backstage/backend-test-utils';
import Knex from 'knex';
import { waitFor } from '../../../dev/harness/waitFor';
import { Blocker } from '../../database/readiness/blockers';
import { ExplainedError } from '../../util/ExplainedError';
import { OwnedRuns, LostOwnership } from '../../liveness/ownership/OwnedRuns';
import { AttemptTracker } from '../../record/AttemptTracker';
import { RecoveryPass } from '../RecoveryPass';
import { RecoveryLoop } from './RecoveryLoop';
import { Settling } from '../../liveness/Settling';
import { StrategyMemory } from '../strategies/StrategyMemory';
import { Troubles } from './Troubles';
import { RunFolders } from '../../workspace/folders/RunFolders';

describe('RecoveryLoop', () => {
  const directory = createMockDirectory();

  // Has no tables. Only asked for how long it has been up, unless a test says more.
  const knex = Knex({
    client: 'better-sqlite3',
    connection: ':memory:',
    useNullAsDefault: true,
  });
  afterAll(() => knex.destroy());

  function setup({
    exit,
    settling = new Settling(),
    now = { ms: 0 },
  }: {
    now?: { ms: number };
    exit?: () => void;
    settling?: Settling;
  } = {}) {
    const logger = mockServices.logger.mock();
    const scheduler = mockServices.scheduler.mock();
    const events = mockServices.events.mock();
    events.subscribe.mockResolvedValue(undefined);
    const folders = new RunFolders(directory.path, logger);
    const troubles = new Troubles({ logger, clock: () => now.ms });
    const runs = {
      claimed: jest.fn(),
      ended: jest.fn(async () => {}),
      renewHeartbeats: jest.fn(async () => ({
        renewed: 0,
        lostOwnership: [] as LostOwnership[],
      })),
      warn: jest.fn(async () => {}),
      begun: jest.fn(() => []),
    };
    const options = {
      readiness: { ensure: jest.fn(async () => {}), doubt: jest.fn() },
      deferral: { deferOnce: jest.fn(async () => {}) },
      index: { ensure: jest.fn(async () => {}) },
      pollCheck: { check: jest.fn(async () => {}) },
      check: {
        runOnce: jest.fn(async () => {}),
        claimPublished: jest.fn(),
        workersMayStart: jest.fn(),
      },
      pass: {
        runAtStartup: jest.fn(async () => ({ restart: 0 })),
        runOnce: jest.fn(async () => ({ restart: 2, failed: 1 })),
      },
      registration: {
        keepOnce: jest.fn(async () => {}),
        pruneOnce: jest.fn(async () => {}),
        haveAllLostLocks: jest.fn(async () => false),
      },
      tracker: { recordOnce: jest.fn(async () => {}), ended: jest.fn() },
      listener: { passed: jest.fn(), renewed: jest.fn() },
      memory: {
        remember: jest.fn(async () => {}),
        rememberMissing: jest.fn(async () => 0),
      },
    };
    const runner = new RecoveryLoop({
      ...options,
      pass: options.pass as unknown as RecoveryPass,
      memory: options.memory as unknown as StrategyMemory,
      tracker: options.tracker as unknown as AttemptTracker,
      knex,
      folders,
      runs: runs as unknown as OwnedRuns,
      settling,
      troubles,
      exit,
      scheduler,
      events,
      logger,
    });
    /** Resolves to what the scheduler gets of a failed run. */
    const tick = async (id: string): Promise<unknown> => {
      const task = scheduler.scheduleTask.mock.calls
        .map(([t]) => t)
        .find(t => t.id === id)!;
      return (task.fn as () => Promise<void>)().then(
        () => undefined,
        error => error,
      );
    };
    const emit = (eventPayload: unknown) =>
      events.subscribe.mock.calls[0][0].onEvent({
        topic: 'scaffolder.task',
        eventPayload,
      });
    return {
      ...options,
      runs,
      settling,
      troubles,
      exit,
      runner,
      folders,
      scheduler,
      logger,
      tick,
      emit,
    };
  }
  const RENEW = 'scaffolder-recovery:renew-heartbeats';
  const MAKE_INDEX = 'scaffolder-recovery:make-in-flight-index';
  const RECOVER = 'scaffolder-recovery:recover-interrupted-tasks';

  it('lets the scheduler know of each run that failed, so that the state of its tasks is true', async () => {
    const { runner, pass, runs, memory, tick } = setup();
    await runner.start();
    expect(await tick(RECOVER)).toBeUndefined();
    const error = new Error('gone');
    pass.runOnce.mockRejectedValueOnce(error);
    expect(await tick(RECOVER)).toBe(error);
    runs.renewHeartbeats.mockRejectedValueOnce(error);
    expect(await tick(RENEW)).toBe(error);
    memory.rememberMissing.mockRejectedValueOnce(error);
    expect(await tick('scaffolder-recovery:remember-strategies')).toBe(error);
  });

  it('runs the first pass at the start and the others regularly', async () => {
    const { runner, pass, memory, index, deferral, tick, scheduler } = setup();
    await runner.start();
    expect(pass.runAtStartup).toHaveBeenCalledTimes(1);
    expect(pass.runOnce).not.toHaveBeenCalled();
    await tick(RECOVER);
    await tick('scaffolder-recovery:remember-strategies');
    expect(pass.runOnce).toHaveBeenCalledTimes(1);
    expect(memory.rememberMissing).toHaveBeenCalledTimes(1);
    await tick(MAKE_INDEX);
    expect(index.ensure).toHaveBeenCalledTimes(1);
    expect(deferral.deferOnce).not.toHaveBeenCalled();
    for (const [task] of scheduler.scheduleTask.mock.calls) {
      expect(task).toMatchObject({
        scope: 'local',
        frequency: { seconds: expect.any(Number) },
        initialDelay: { seconds: expect.any(Number) },
      });
    }
  });

  it('tells how long each pass took and how many tasks it found, also of one that fails', async () => {
    const { runner, pass, listener, tick } = setup();
    await runner.start();
    await tick(RECOVER);
    pass.runOnce.mockRejectedValue(new Error('no connection'));
    await tick(RECOVER);
    const seconds = expect.any(Number);
    expect(listener.passed.mock.calls).toEqual([
      [{ seconds, interrupted: 0 }],
      [{ seconds, interrupted: 3 }],
      [{ seconds, interrupted: undefined }],
    ]);
  });

  it('records regularly what came of the decisions', async () => {
    const { runner, tracker, tick } = setup();
    await runner.start();
    await tick('scaffolder-recovery:record-outcomes');
    expect(tracker.recordOnce).toHaveBeenCalledTimes(1);
  });

  it('goes on deciding though that fails', async () => {
    const { runner, tracker, settling, tick } = setup();
    tracker.recordOnce.mockRejectedValue(new Error('no such column'));
    await runner.start();
    settling.read();
    await tick('scaffolder-recovery:record-outcomes');
    expect(settling.isSettled()).toBe(true);
  });

  it('forgets ended tasks regularly, and goes on deciding though that fails', async () => {
    const { runner, settling, logger, tick } = setup();
    await runner.start();
    settling.read();
    const forget = 'scaffolder-recovery:forget-ended-tasks';
    // The database of this test has no tables.
    expect(String(await tick(forget))).toContain('no such table');
    expect(settling.isSettled()).toBe(true);
    expect(logger.error).toHaveBeenCalledWith(
      'The removal of what is remembered of ended tasks failed, trying again until it works',
      expect.anything(),
    );
  });

  it('reports how many heartbeats it renewed', async () => {
    const { runner, runs, listener, tick } = setup();
    runs.renewHeartbeats.mockResolvedValue({ renewed: 2, lostOwnership: [] });
    await runner.start();
    await tick(RENEW);
    expect(listener.renewed).toHaveBeenCalledWith(2);
  });

  it('goes on with later passes when the first one fails', async () => {
    const { runner, pass, logger, tick } = setup();
    pass.runAtStartup.mockRejectedValue(new Error('no connection'));
    await runner.start();
    expect(logger.error).toHaveBeenCalledWith(
      'The first recovery pass failed, trying again until it works',
      expect.objectContaining({ message: 'no connection' }),
    );
    await tick(RECOVER);
    expect(pass.runOnce).toHaveBeenCalledTimes(1);
  });

  describe('while the database is not ready', () => {
    const blocker = new Blocker('No tables. Make them.', true);

    it('decides on nothing and defers the tasks in the startup hook and then each second', async () => {
      const { runner, readiness, pass, memory, deferral, tick } = setup();
      readiness.ensure.mockRejectedValue(blocker);
      await runner.start();
      expect(deferral.deferOnce).toHaveBeenCalledTimes(1);
      await tick(RECOVER);
      await tick('scaffolder-recovery:remember-strategies');
      expect(deferral.deferOnce).toHaveBeenCalledTimes(2);
      expect(pass.runAtStartup).not.toHaveBeenCalled();
      expect(pass.runOnce).not.toHaveBeenCalled();
      expect(memory.rememberMissing).not.toHaveBeenCalled();
    });

    it('says so in one error, once a minute, and when it is over', async () => {
      const now = { ms: 0 };
      const { runner, readiness, troubles, pass, logger, tick } = setup({
        now,
      });
      readiness.ensure.mockRejectedValue(blocker);
      await runner.start();
      await tick(RECOVER);
      await tick(RENEW);
      expect(logger.error.mock.calls).toEqual([['No tables. Make them.']]);
      now.ms = 61_000;
      await tick(RECOVER);
      await tick(RENEW);
      expect(logger.error.mock.calls.slice(1)).toEqual([
        ['No tables. Make them. (for 61 s by now)'],
      ]);
      expect(troubles.isBlocking).toBe(true);

      readiness.ensure.mockResolvedValue(undefined);
      await tick(RECOVER);
      expect(pass.runOnce).toHaveBeenCalledTimes(1);
      expect(logger.info).toHaveBeenCalledWith(
        'The recovery of interrupted tasks works again, after 61 s',
      );
      expect(troubles.isBlocking).toBe(false);
    });

    it('leaves tasks alone that are not in the table of the scaffolder', async () => {
      const { runner, readiness, deferral, tick } = setup();
      readiness.ensure.mockRejectedValue(new Blocker('No tasks.', false));
      await runner.start();
      await tick(RECOVER);
      expect(deferral.deferOnce).not.toHaveBeenCalled();
    });

    it('says so if that fails, and no more once it is not needed', async () => {
      let ms = 0;
      const settling = new Settling(() => ms);
      const { runner, readiness, deferral, troubles, logger, tick } = setup({
        settling,
      });
      readiness.ensure.mockRejectedValue(blocker);
      deferral.deferOnce.mockRejectedValue(new Error('read-only'));
      await runner.start();
      expect(logger.error).toHaveBeenCalledWith(
        'The deferral of tasks that cannot be decided on failed, trying again until it works',
        expect.objectContaining({ message: 'read-only' }),
      );
      readiness.ensure.mockResolvedValue(undefined);
      ms = 60_000;
      settling.begin();
      await tick(RECOVER);
      expect(troubles.isBlocking).toBe(false);
    });
  });

  it('defers the tasks when a pass fails, and has the database checked', async () => {
    const { runner, pass, readiness, deferral, troubles, tick } = setup();
    await runner.start();
    pass.runOnce.mockRejectedValue(new Error('permission denied'));
    await tick(RECOVER);
    expect(deferral.deferOnce).toHaveBeenCalledTimes(1);
    expect(readiness.doubt).toHaveBeenCalledTimes(1);
    expect(troubles.isBlocking).toBe(true);
  });

  it('defers the tasks while it settles after a start of the server or an outage', async () => {
    const { runner, settling, deferral, tick } = setup();
    await runner.start();
    settling.restart();
    await tick(RECOVER);
    expect(deferral.deferOnce).toHaveBeenCalledTimes(1);
  });

  it('decides without the index, and says so', async () => {
    const { runner, index, pass, deferral, troubles, logger, tick } = setup();
    index.ensure.mockRejectedValue(new ExplainedError('No index. Make it.'));
    await runner.start();
    await tick(MAKE_INDEX);
    await tick(RECOVER);
    expect(logger.error.mock.calls).toEqual([['No index. Make it.']]);
    expect(troubles.isBlocking).toBe(false);
    expect(pass.runOnce).toHaveBeenCalledTimes(1);
    expect(deferral.deferOnce).not.toHaveBeenCalled();
  });

  it.each([true, false])(
    'settles at its start if the locks of all processes are gone: %s',
    async areGone => {
      const { runner, registration, pass, settling } = setup();
      registration.haveAllLostLocks.mockResolvedValue(areGone);
      let wasSettled: boolean | undefined;
      pass.runAtStartup.mockImplementation(async () => {
        wasSettled = settling.isSettled();
        return { restart: 0 };
      });
      await runner.start();
      expect(wasSettled).toBe(!areGone);
    },
  );

  it('does not count migrations that take long as a stall', async () => {
    let now = 0;
    const settling = new Settling(() => now);
    const { runner, readiness, pass } = setup({ settling });
    readiness.ensure.mockImplementationOnce(async () => {
      now += 60_000;
    });
    let wasSettled: boolean | undefined;
    pass.runAtStartup.mockImplementation(async () => {
      wasSettled = settling.isSettled();
      return { restart: 0 };
    });
    await runner.start();
    expect(wasSettled).toBe(true);
  });

  it('remembers the strategy of a task as soon as it is dispatched', async () => {
    const { runner, memory, emit } = setup();
    await runner.start();
    memory.remember.mockRejectedValueOnce(new Error('catalog'));
    await expect(emit({ id: 'a', status: 'open' })).resolves.toBeUndefined();
    await emit({ id: 'b', status: 'open' });
    expect(memory.remember.mock.calls).toEqual([['a'], ['b']]);
  });

  it('takes no event for a claim of this process, which tells of its own claims by its statements', async () => {
    const { runner, runs, folders, emit } = setup();
    const claimed = jest.spyOn(folders, 'claimed');
    await runner.start();
    await emit({ id: 'a', spec: {}, status: 'processing' });
    expect(runs.claimed).not.toHaveBeenCalled();
    expect(claimed).not.toHaveBeenCalled();
  });

  it('tells which tasks end', async () => {
    const { runner, runs, emit } = setup();
    await runner.start();
    await emit({ id: 'a', status: 'completed' });
    await emit({ id: 'b', status: 'failed' });
    // The cancellation of a task, which does not end it, has the id of an event.
    await emit({ id: 7, taskId: 'c', status: 'cancelled' });
    await emit({ id: '7', taskId: 'c', status: 'cancelled' });
    expect(runs.ended.mock.calls).toEqual([['a'], ['b']]);
  });

  it('is not steady after a read that failed', async () => {
    const { runner, runs, settling, logger, tick } = setup();
    await runner.start();
    await tick(RENEW);
    expect(settling.isSettled()).toBe(true);
    runs.renewHeartbeats.mockRejectedValue(new Error('gone'));
    await tick(RENEW);
    await tick(RENEW);
    expect(settling.isSettled()).toBe(false);
    expect(logger.error).toHaveBeenCalledTimes(1);
  });

  describe('when a run has lost ownership', () => {
    const lostOwnership = [{ taskId: 'a', message: 'reclaimed by attempt 2' }];

    it('says so in both logs', async () => {
      const { runner, runs, logger, tick } = setup({ exit: undefined });
      await runner.start();
      runs.renewHeartbeats.mockResolvedValueOnce({ renewed: 0, lostOwnership });
      await tick(RENEW);
      expect(logger.error).toHaveBeenCalledWith(
        'Task a: reclaimed by attempt 2',
      );
      expect(runs.warn).toHaveBeenCalledWith(lostOwnership[0]);
    });

    it('ends the process if it shall, though the database does not answer', async () => {
      const exit = jest.fn();
      const { runner, runs, tick } = setup({ exit });
      await runner.start();
      runs.renewHeartbeats.mockResolvedValueOnce({ renewed: 0, lostOwnership });
      runs.warn.mockReturnValueOnce(new Promise(() => {}));
      void tick(RENEW);
      await waitFor('the exit', async () => exit.mock.calls.length > 0, {
        timeoutMs: 2_000,
      });
      expect(exit).toHaveBeenCalledTimes(1);
    });
  });

  it.each([{}, { id: 7, status: 'open' }, { id: 'a', status: 'odd' }])(
    'ignores the event %j',
    async payload => {
      const { runner, memory, folders, emit } = setup();
      const claimed = jest.spyOn(folders, 'claimed');
      await runner.start();
      await emit(payload);
      expect(memory.remember).not.toHaveBeenCalled();
      expect(claimed).not.toHaveBeenCalled();
    },
  );
});

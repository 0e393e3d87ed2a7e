import { mockServices } from '@backstage/backend-test-utils';
import { RunStatement } from '../../scaffolder/statements/runStatement';
import { waitFor } from '../../../dev/harness/waitFor';
import { OwnershipLostError } from '../ownership/OwnershipLostError';
import { fillInTurn } from '../ownership/fillInTurn';
import { RunTurns } from '../ownership/RunTurns';
import { GuardedRun, RunBrokenError, RunGuard } from './RunGuard';

const LOST = 'Connection terminated unexpectedly';

describe('RunGuard', () => {
  const taskId = 'a';
  let broken: { taskId: string; problem: string }[];
  /** What was reported of runs that have to wait for an earlier one. */
  let reported: string[];
  let folders: Set<string>;
  let now: number;
  let wasReady: boolean;
  let turns: RunTurns<GuardedRun>;
  let guard: RunGuard;

  beforeEach(() => {
    broken = [];
    reported = [];
    folders = new Set([taskId]);
    now = 0;
    wasReady = true;
    const hasFolder = (id: string) => folders.has(id);
    const clock = () => now;
    turns = new RunTurns({ hasFolder, clock });
    guard = new RunGuard({
      turns,
      hasFolder,
      wasReady: () => wasReady,
      onBroken: ({ taskId: id, problem }) =>
        broken.push({ taskId: id, problem }),
      clock,
    });
    guard.claimed(taskId, Promise.resolve(0));
  });

  const line = (
    status?: string,
    message = 'x',
    stepId: string | undefined = 'one',
  ): RunStatement => ({ taskId, kind: 'line', stepId, status, message });
  const heartbeat: RunStatement = { taskId, kind: 'heartbeat' };
  const save: RunStatement = { taskId, kind: 'save' };
  const lost = new Error(`insert into "task_events" ... - ${LOST}`);

  const send = (...statements: RunStatement[]) => {
    for (const statement of statements) {
      guard.sends(statement);
      guard.sent(statement);
    }
  };
  const lose = (statement: RunStatement, error = lost, wasSent = true) => {
    guard.sends(statement);
    guard.failed(statement, { error, wasSent });
  };
  const inTurn = (fill: () => Promise<void>) =>
    fillInTurn(taskId, fill, {
      turns,
      runs: {
        waits: () => reported.push('it waits'),
        takesTurn: () => reported.push('its turn'),
      },
      folders: { make: () => {} },
      logger: mockServices.logger.mock(),
    });
  const end = (status: string) => guard.ends({ taskId, status });

  it.each<[string, RunStatement]>([
    ['begins a step', line('processing')],
    ['says that a step has finished', line('completed')],
    ['says that a step is skipped', line('skipped')],
    ['says that the run begins', { ...line(), stepId: undefined } as any],
    ['reads the record', { taskId, kind: 'read' }],
  ])(
    'takes a run for broken when a statement is lost that %s',
    (_, lostOne) => {
      send(line('processing'));
      lose(lostOne);
      expect(broken).toEqual([{ taskId, problem: LOST }]);
      const refused = [
        line('processing', 'clean up', 'two'),
        line('failed'),
        save,
        heartbeat,
      ].map(statement => () => guard.sends(statement));
      for (const sends of refused) {
        expect(sends).toThrow(RunBrokenError);
      }
      expect(() => end('failed')).toThrow(
        `This run of task a ended without a result, since the scaffolder's connection to the database was lost (${LOST})`,
      );
      expect(broken).toHaveLength(1);
    },
  );

  it('takes a statement that got no connection for lost, whatever the error says', () => {
    const full = new Error('Timeout acquiring a connection');
    lose(line('completed'), full, false);
    expect(broken).toEqual([{ taskId, problem: full.message }]);
  });

  it('lets the error of an action fail its task, though it reads like a lost connection', () => {
    send(line('processing'), line('failed', `Error: ${LOST}\n    at action`));
    lose(line('skipped', 'x', 'two'));
    expect(() => end('failed')).not.toThrow();
    expect(broken).toEqual([]);
  });

  it('lets a statement that the database refused fail the task', () => {
    lose(line('completed'), new Error('insert into ... - disk full'));
    expect(() => end('failed')).not.toThrow();
    expect(broken).toEqual([]);
  });

  it('does not take a value in the statement for the error', () => {
    const error = new Error(`insert into x ('ECONNRESET') - SQLITE_FULL`);
    lose(line('completed'), error);
    expect(broken).toEqual([]);
  });

  it('minds no lost line that an action logs, nor a lost heartbeat: the run does not wait for them', () => {
    send(line('processing'));
    lose(line(undefined));
    lose(heartbeat);
    send(line('completed'));
    end('completed');
    expect(broken).toEqual([]);
  });

  it('takes a run for broken when a step fails with what a record could not be saved for', () => {
    send(line('processing'));
    lose(save);
    expect(broken).toEqual([]);
    expect(() => guard.sends(line('failed', lost.stack))).toThrow(
      RunBrokenError,
    );
    expect(() => end('failed')).toThrow(RunBrokenError);
  });

  it('knows that error when a secret in it was redacted', () => {
    send(line('processing'));
    lose(save);
    const redacted = lost.stack!.replaceAll('terminated', '***');
    expect(() => guard.sends(line('failed', redacted))).toThrow(RunBrokenError);
  });

  it('lets an action go on without a checkpoint that could not be saved, and fail by itself', () => {
    send(line('processing'));
    lose(save);
    send(line('failed', `Error: ${LOST}\n    at action`));
    expect(() => end('failed')).not.toThrow();
    expect(broken).toEqual([]);
  });

  it('breaks no other run', () => {
    guard.claimed('b', Promise.resolve(0));
    lose(line('completed'));
    expect(() => guard.ends({ taskId: 'b', status: 'failed' })).not.toThrow();
    expect(() => guard.sends({ taskId: 'b', kind: 'heartbeat' })).not.toThrow();
  });

  it('forgets it when the task is claimed again here', () => {
    lose(line('completed'));
    guard.claimed(taskId, Promise.resolve(1));
    send(heartbeat, line('processing'), line('failed', 'Error: own'));
    expect(() => end('failed')).not.toThrow();
  });

  it('takes a run for broken whose end could not be stored, and does not let it end as failed then', () => {
    send(line('processing'), line('completed'));
    folders.clear();
    end('completed');
    guard.transactionFailed(new Error(`COMMIT; - ${LOST}`));
    expect(broken).toEqual([{ taskId, problem: LOST }]);
    expect(() => end('failed')).toThrow(RunBrokenError);
    expect(() => guard.sends(heartbeat)).toThrow(RunBrokenError);
  });

  it('lets it end as completed all the same', () => {
    send(line('processing'), line('completed'));
    folders.clear();
    guard.transactionFailed(new Error('connect ECONNREFUSED'));
    expect(() => end('completed')).not.toThrow();
  });

  it('lets a run fail at once while the tables of the module were never ready, when nobody would recover it', () => {
    wasReady = false;
    lose(line('completed'));
    lose(save);
    send(line('failed', lost.stack), heartbeat);
    expect(() => end('failed')).not.toThrow();
    folders.clear();
    guard.transactionFailed(new Error('connect ECONNREFUSED'));
    expect(() => end('failed')).not.toThrow();
    expect(broken).toEqual([]);
  });

  it('minds no transaction that fails while a run goes on', () => {
    send(line('processing'), line('completed'));
    guard.transactionFailed(new Error('connect ECONNREFUSED'));
    send(line('processing', 'x', 'two'));
    folders.clear();
    guard.transactionFailed(new Error('connect ECONNREFUSED'));
    expect(broken).toEqual([]);
  });

  it('has a run that lost ownership store nothing more, not even that it has completed, and reports nothing broken', () => {
    send(line('processing'));
    guard.lostOwnership(taskId);
    const refused = [
      ...[line('completed'), line('failed'), save, heartbeat].map(
        statement => () => guard.sends(statement),
      ),
      ...['completed', 'failed'].map(status => () => end(status)),
    ];
    for (const sends of refused) {
      expect(sends).toThrow(OwnershipLostError);
    }
    expect(() => guard.sends(line(undefined))).not.toThrow();
    guard.failed(line('completed'), { error: lost, wasSent: true });
    expect(broken).toEqual([]);
  });

  it('does not let it end though one of its steps had failed by itself, or a lost connection had broken it', () => {
    send(line('processing'), line('failed', 'Error: own'));
    guard.lostOwnership(taskId);
    expect(() => end('failed')).toThrow(OwnershipLostError);
    guard.claimed(taskId, Promise.resolve(1));
    lose(line('completed'));
    guard.lostOwnership(taskId);
    expect(() => end('completed')).toThrow(OwnershipLostError);
  });

  it('lets the run store everything with which this process claims that task again', () => {
    guard.lostOwnership(taskId);
    guard.claimed(taskId, Promise.resolve(1));
    send(heartbeat, line('processing'), line('completed'));
    expect(() => end('completed')).not.toThrow();
  });

  it('refuses all of an earlier run but heartbeats until it has ended, while a later one of its task waits', async () => {
    await inTurn(async () => {});
    guard.claimed(taskId, Promise.resolve(3));
    const fill = jest.fn();
    const filled = inTurn(fill);
    expect(turns.isAwaited(taskId)).toBe(true);
    expect(reported).toEqual(['it waits']);
    const refused = [save, line('completed'), line('processing')].map(
      statement => () => guard.sends(statement),
    );
    for (const sends of refused) {
      expect(sends).toThrow(OwnershipLostError);
    }
    // That of the later one, for all that is known.
    expect(() => send(heartbeat)).not.toThrow();
    expect(() => end('completed')).toThrow(OwnershipLostError);
    expect(turns.isAwaited(taskId)).toBe(true);
    expect(() => end('failed')).toThrow(OwnershipLostError);
    expect(turns.isAwaited(taskId)).toBe(false);
    await filled;
    expect(reported).toEqual(['it waits', 'its turn']);
    expect(fill).toHaveBeenCalledTimes(1);
    send(line('processing'), save, line('completed'), heartbeat);
    expect(end('completed')).toBe(3);
  });

  it('does not take a run for ending that has not heard yet that it is, since only its heartbeat was refused', async () => {
    await inTurn(async () => {});
    guard.lostOwnership(taskId);
    expect(() => guard.sends(heartbeat)).toThrow(OwnershipLostError);
    expect(() => guard.sends(save)).toThrow(OwnershipLostError);
    guard.claimed(taskId, Promise.resolve(3));
    void inTurn(async () => {}).catch(() => {});
    now = 10 * 60_000;
    // It looks every 250 ms.
    await new Promise(resolve => setTimeout(resolve, 600));
    expect(turns.isAwaited(taskId)).toBe(true);
    expect(() => guard.sends(line('completed'))).toThrow(OwnershipLostError);
    now *= 3;
    await waitFor('the turn', async () => !turns.isAwaited(taskId));
  });

  it.each<[string, boolean, boolean]>([
    ['completed', true, true],
    ['failed', true, true],
    // As `failed`, it is sent once more.
    ['completed', false, false],
    ['failed', false, true],
  ])(
    'takes a run whose end %s was sent, and stored: %s, for over: %s',
    async (status, isStored, isOver) => {
      await inTurn(async () => {});
      end(status);
      guard.ended({ taskId, status }, isStored);
      guard.claimed(taskId, Promise.resolve(3));
      expect(turns.isAwaited(taskId)).toBe(!isOver);
      turns.rolledBack(taskId);
      expect(turns.isAwaited(taskId)).toBe(false);
    },
  );

  it('takes a run that has no step any more for one that ends when its task is claimed again', async () => {
    await inTurn(async () => {});
    send(line('processing'), line('completed'));
    guard.claimed(taskId, Promise.resolve(3));
    const filled = inTurn(async () => {});
    folders.clear();
    now = 200_000;
    await filled;
    expect(turns.isAwaited(taskId)).toBe(false);
  });

  it('has a run fail that is not the last of its task when its folder has been filled', async () => {
    const filled = inTurn(async () =>
      guard.claimed(taskId, Promise.resolve(3)),
    );
    await expect(filled).rejects.toThrow(OwnershipLostError);
  });

  it('tells the fencing token of a run that ends once it is known, also when its folder is gone', async () => {
    expect(end('completed')).toBe(0);
    guard.claimed(taskId, Promise.resolve(7));
    expect(end('completed')).toBeUndefined();
    await Promise.resolve();
    folders.clear();
    expect(end('failed')).toBe(7);
    guard.claimed('b', Promise.resolve(undefined));
    await Promise.resolve();
    expect(end('failed')).toBe(7);
    expect(guard.ends({ taskId: 'b', status: 'failed' })).toBeUndefined();
    expect(guard.ends({ taskId: 'c', status: 'failed' })).toBeUndefined();
  });

  it.each([
    [60, 1],
    [66, 0],
  ])(
    'takes a run of which nothing was heard for %i s for one whose end could not be stored: %i',
    (seconds, count) => {
      send(line('processing'), line('completed'));
      folders.clear();
      now = seconds * 1000;
      guard.transactionFailed(new Error('connect ECONNREFUSED'));
      expect(broken).toHaveLength(count);
    },
  );

  it('forgets runs that have ended long ago', () => {
    lose(line('completed'));
    folders.clear();
    now = 10 * 60_000;
    guard.claimed('b', Promise.resolve(0));
    expect(() => end('failed')).not.toThrow();
  });
});

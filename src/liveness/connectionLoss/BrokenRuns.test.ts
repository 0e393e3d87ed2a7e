import { RunStatement } from '../../scaffolder/statements/runStatement';
import { waitFor } from '../../../dev/harness/waitFor';
import { BrokenRuns, OwnershipLostError, RunBrokenError } from './BrokenRuns';

const LOST = 'Connection terminated unexpectedly';

describe('BrokenRuns', () => {
  const taskId = 'a';
  let broken: { taskId: string; problem: string }[];
  /** What was reported of runs that have to wait for an earlier one. */
  let turns: string[];
  let folders: Set<string>;
  let now: number;
  let wasReady: boolean;
  let runs: BrokenRuns;

  beforeEach(() => {
    broken = [];
    turns = [];
    folders = new Set([taskId]);
    now = 0;
    wasReady = true;
    runs = new BrokenRuns({
      hasFolder: id => folders.has(id),
      wasReady: () => wasReady,
      onBroken: ({ taskId: id, problem }) =>
        broken.push({ taskId: id, problem }),
      clock: () => now,
    });
    runs.claimed(taskId, Promise.resolve(0));
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
      runs.sends(statement);
      runs.sent(statement);
    }
  };
  const lose = (statement: RunStatement, error = lost, wasSent = true) => {
    runs.sends(statement);
    runs.failed(statement, { error, wasSent });
  };
  const inTurn = (fill: () => Promise<void>) =>
    runs.inTurn(taskId, fill, {
      waits: () => turns.push('it waits'),
      turn: () => turns.push('its turn'),
    });
  const end = (status: string) => runs.ends({ taskId, status });

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
      ].map(statement => () => runs.sends(statement));
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
    expect(() => runs.sends(line('failed', lost.stack))).toThrow(
      RunBrokenError,
    );
    expect(() => end('failed')).toThrow(RunBrokenError);
  });

  it('knows that error when a secret in it was redacted', () => {
    send(line('processing'));
    lose(save);
    const redacted = lost.stack!.replaceAll('terminated', '***');
    expect(() => runs.sends(line('failed', redacted))).toThrow(RunBrokenError);
  });

  it('lets an action go on without a checkpoint that could not be saved, and fail by itself', () => {
    send(line('processing'));
    lose(save);
    send(line('failed', `Error: ${LOST}\n    at action`));
    expect(() => end('failed')).not.toThrow();
    expect(broken).toEqual([]);
  });

  it('breaks no other run', () => {
    runs.claimed('b', Promise.resolve(0));
    lose(line('completed'));
    expect(() => runs.ends({ taskId: 'b', status: 'failed' })).not.toThrow();
    expect(() => runs.sends({ taskId: 'b', kind: 'heartbeat' })).not.toThrow();
  });

  it('forgets it when the task is claimed again here', () => {
    lose(line('completed'));
    runs.claimed(taskId, Promise.resolve(1));
    send(heartbeat, line('processing'), line('failed', 'Error: own'));
    expect(() => end('failed')).not.toThrow();
  });

  it('takes a run for broken whose end could not be stored, and does not let it end as failed then', () => {
    send(line('processing'), line('completed'));
    folders.clear();
    end('completed');
    runs.transactionFailed(new Error(`COMMIT; - ${LOST}`));
    expect(broken).toEqual([{ taskId, problem: LOST }]);
    expect(() => end('failed')).toThrow(RunBrokenError);
    expect(() => runs.sends(heartbeat)).toThrow(RunBrokenError);
  });

  it('lets it end as completed all the same', () => {
    send(line('processing'), line('completed'));
    folders.clear();
    runs.transactionFailed(new Error('connect ECONNREFUSED'));
    expect(() => end('completed')).not.toThrow();
  });

  it('lets a run fail at once while the tables of the module were never ready, when nobody would recover it', () => {
    wasReady = false;
    lose(line('completed'));
    lose(save);
    send(line('failed', lost.stack), heartbeat);
    expect(() => end('failed')).not.toThrow();
    folders.clear();
    runs.transactionFailed(new Error('connect ECONNREFUSED'));
    expect(() => end('failed')).not.toThrow();
    expect(broken).toEqual([]);
  });

  it('minds no transaction that fails while a run goes on', () => {
    send(line('processing'), line('completed'));
    runs.transactionFailed(new Error('connect ECONNREFUSED'));
    send(line('processing', 'x', 'two'));
    folders.clear();
    runs.transactionFailed(new Error('connect ECONNREFUSED'));
    expect(broken).toEqual([]);
  });

  it('has a run that lost ownership store nothing more, not even that it has completed, and reports nothing broken', () => {
    send(line('processing'));
    runs.lostOwnership(taskId);
    const refused = [
      ...[line('completed'), line('failed'), save, heartbeat].map(
        statement => () => runs.sends(statement),
      ),
      ...['completed', 'failed'].map(status => () => end(status)),
    ];
    for (const sends of refused) {
      expect(sends).toThrow(OwnershipLostError);
    }
    expect(() => runs.sends(line(undefined))).not.toThrow();
    runs.failed(line('completed'), { error: lost, wasSent: true });
    expect(broken).toEqual([]);
  });

  it('does not let it end though one of its steps had failed by itself, or a lost connection had broken it', () => {
    send(line('processing'), line('failed', 'Error: own'));
    runs.lostOwnership(taskId);
    expect(() => end('failed')).toThrow(OwnershipLostError);
    runs.claimed(taskId, Promise.resolve(1));
    lose(line('completed'));
    runs.lostOwnership(taskId);
    expect(() => end('completed')).toThrow(OwnershipLostError);
  });

  it('lets the run store everything with which this process claims that task again', () => {
    runs.lostOwnership(taskId);
    runs.claimed(taskId, Promise.resolve(1));
    send(heartbeat, line('processing'), line('completed'));
    expect(() => end('completed')).not.toThrow();
  });

  it('refuses all of an earlier run but heartbeats until it has ended, while a later one of its task waits', async () => {
    await inTurn(async () => {});
    runs.claimed(taskId, Promise.resolve(3));
    const fill = jest.fn();
    const filled = inTurn(fill);
    expect(runs.isAwaited(taskId)).toBe(true);
    expect(turns).toEqual(['it waits']);
    const refused = [save, line('completed'), line('processing')].map(
      statement => () => runs.sends(statement),
    );
    for (const sends of refused) {
      expect(sends).toThrow(OwnershipLostError);
    }
    // That of the later one, for all that is known.
    expect(() => send(heartbeat)).not.toThrow();
    expect(() => end('completed')).toThrow(OwnershipLostError);
    expect(runs.isAwaited(taskId)).toBe(true);
    expect(() => end('failed')).toThrow(OwnershipLostError);
    expect(runs.isAwaited(taskId)).toBe(false);
    await filled;
    expect(turns).toEqual(['it waits', 'its turn']);
    expect(fill).toHaveBeenCalledTimes(1);
    send(line('processing'), save, line('completed'), heartbeat);
    expect(end('completed')).toBe(3);
  });

  it('does not take a run for ending that has not heard yet that it is, since only its heartbeat was refused', async () => {
    await inTurn(async () => {});
    runs.lostOwnership(taskId);
    expect(() => runs.sends(heartbeat)).toThrow(OwnershipLostError);
    expect(() => runs.sends(save)).toThrow(OwnershipLostError);
    runs.claimed(taskId, Promise.resolve(3));
    void inTurn(async () => {}).catch(() => {});
    now = 10 * 60_000;
    // It looks every 250 ms.
    await new Promise(resolve => setTimeout(resolve, 600));
    expect(runs.isAwaited(taskId)).toBe(true);
    expect(() => runs.sends(line('completed'))).toThrow(OwnershipLostError);
    now *= 3;
    await waitFor('the turn', async () => !runs.isAwaited(taskId));
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
      runs.ended({ taskId, status }, isStored);
      runs.claimed(taskId, Promise.resolve(3));
      expect(runs.isAwaited(taskId)).toBe(!isOver);
      runs.rolledBack(taskId);
      expect(runs.isAwaited(taskId)).toBe(false);
    },
  );

  it('takes a run that has no step any more for one that ends when its task is claimed again', async () => {
    await inTurn(async () => {});
    send(line('processing'), line('completed'));
    runs.claimed(taskId, Promise.resolve(3));
    const filled = inTurn(async () => {});
    folders.clear();
    now = 200_000;
    await filled;
    expect(runs.isAwaited(taskId)).toBe(false);
  });

  it('has a run fail that is not the last of its task when its folder has been filled', async () => {
    const filled = inTurn(async () => runs.claimed(taskId, Promise.resolve(3)));
    await expect(filled).rejects.toThrow(OwnershipLostError);
  });

  it('tells the fencing token of a run that ends once it is known, also when its folder is gone', async () => {
    expect(end('completed')).toBe(0);
    runs.claimed(taskId, Promise.resolve(7));
    expect(end('completed')).toBeUndefined();
    await Promise.resolve();
    folders.clear();
    expect(end('failed')).toBe(7);
    runs.claimed('b', Promise.resolve(undefined));
    await Promise.resolve();
    expect(end('failed')).toBe(7);
    expect(runs.ends({ taskId: 'b', status: 'failed' })).toBeUndefined();
    expect(runs.ends({ taskId: 'c', status: 'failed' })).toBeUndefined();
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
      runs.transactionFailed(new Error('connect ECONNREFUSED'));
      expect(broken).toHaveLength(count);
    },
  );

  it('forgets runs that have ended long ago', () => {
    lose(line('completed'));
    folders.clear();
    now = 10 * 60_000;
    runs.claimed('b', Promise.resolve(0));
    expect(() => end('failed')).not.toThrow();
  });
});

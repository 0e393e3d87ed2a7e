import { PROBLEMS } from '../../harness/actions/journal';
import { AttemptRecord } from '../evidence/records';
import { VIOLATIONS } from './violations';
import {
  TASK,
  begin,
  end,
  event,
  attempt,
  afterOne,
  kindsIn,
  interruptedInFour,
  storedUpToFour,
  wholeRun,
} from './testEvidence';

describe('checks of the chaos run', () => {
  it('find nothing in tasks that went as promised', () => {
    expect(
      kindsIn({
        task: { status: 'completed' },
        journal: [
          ...interruptedInFour,
          begin('b', 'two', 20_000),
          end('b', 'two', 20_100),
          begin('b', 'three', 20_200),
          end('b', 'three', 20_300),
          begin('b', 'four', 20_400),
          end('b', 'four', 20_500),
        ],
        events: [
          ...storedUpToFour,
          event('recovered', 19_000),
          event('completion', 20_600),
        ],
        attempts: [{ ...attempt(1, 'resume', 19_000), ...afterOne }],
      }),
    ).toEqual([]);
    expect(
      kindsIn({
        task: { strategy: 'restart', status: 'completed' },
        journal: [...interruptedInFour, ...wholeRun('b', 20_000)],
      }),
    ).toEqual([]);
    expect(
      kindsIn({
        task: { strategy: 'none', status: 'failed' },
        journal: interruptedInFour,
        attempts: [attempt(1, 'failed', 19_000)],
        events: [event('completion', 19_000)],
      }),
    ).toEqual([]);
  });

  it('find a step that ran though the decision before says that it is skipped', () => {
    const journal = [...interruptedInFour, begin('b', 'two', 20_000)];
    const events = storedUpToFour;
    const wrong: AttemptRecord = {
      ...attempt(1, 'resume', 19_000),
      skipped: ['one', 'two'],
      again: ['three'],
      files: { kind: 'snapshot', number: 3, stepId: 'two' },
    };
    expect(kindsIn({ journal, events, attempts: [wrong] })).toEqual([
      'recordNotKept',
      'recordFalse',
    ]);
    expect(
      kindsIn({ journal, events, attempts: [{ ...wrong, at: 21_000 }] }),
    ).not.toContain('recordNotKept');
  });

  it('find files of a task that are left in a store', () => {
    const leftFiles = [{ taskId: TASK, place: 'packs', count: 2 }];
    expect(kindsIn({ leftFiles })).toEqual(['filesLeft']);
  });

  it('find an expired sign-in that was not told, or was told for no reason', () => {
    const warning = {
      ...event('log', 20_000),
      message: 'Warning: the sign-in that this task was started with expired',
    };
    const task = { signInExpiredAt: 10_000 };
    const attempts = [attempt(1, 'resume', 20_000)];
    expect(kindsIn({ task, attempts, events: [warning] })).toEqual([]);
    expect(kindsIn({ task, attempts })).toEqual(['expiryNotTold']);
    expect(kindsIn({ attempts, events: [warning] })).toEqual(['expiryNotTold']);
    // Nobody goes on with what is closed.
    expect(
      kindsIn({
        task: { ...task, strategy: 'none' },
        attempts: [attempt(1, 'failed', 20_000)],
      }),
    ).toEqual([]);
  });

  it.each(PROBLEMS)('find that a step noted %s', kind => {
    const problems = [{ kind, detail: 'so it was' }];
    const journal = [{ ...begin('b', 'one', 20_000), problems }];
    expect(kindsIn({ journal })).toEqual([kind]);
  });

  it('have a name for each violation', () => {
    expect(new Set(Object.values(VIOLATIONS)).size).toBe(
      Object.keys(VIOLATIONS).length,
    );
  });
});

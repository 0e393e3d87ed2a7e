import { PROBLEMS } from '../../harness/actions/journal';
import { AttemptRecord } from '../evidence/records';
import { STEP_FAILURE } from '../settings';
import { check } from './checks';
import { VIOLATIONS } from './violations';
import {
  TASK,
  begin,
  end,
  event,
  attempt,
  afterOne,
  Situation,
  evidence,
  kindsIn,
  interruptedInFour,
  storedUpToFour,
  wholeRun,
} from './testEvidence';

describe('checks of the chaos run', () => {
  it('find a task that failed though it may run again, unless the module closed it', () => {
    const error = 'Connection terminated unexpectedly';
    const failures = (situation: Situation) =>
      check(evidence(situation)).violations.map(v => v.kind);
    const events = [{ ...event('completion', 19_000), error }];
    for (const strategy of ['restart', 'idempotent'] as const) {
      expect(failures({ task: { strategy }, events })).toEqual([
        'failedForDatabase',
      ]);
    }
    expect(failures({ task: { strategy: 'none' }, events })).toEqual([]);
    const attempts = [attempt(1, 'failed', 19_000)];
    const isPoisoned = true;
    expect(failures({ task: { isPoisoned }, events, attempts })).not.toContain(
      'failedForDatabase',
    );
  });

  it('allow a task that failed since its step fails by itself, if one of them was started again', () => {
    const failed = (failure: string, retriedAt?: number) =>
      check(
        evidence({
          task: { isFailing: true },
          journal: [
            begin('b', 'one', 20_000),
            { ...end('b', 'one', 21_000), kind: 'failure' },
          ],
          events: [{ ...event('completion', 21_100), error: failure }],
          retries: [
            {
              taskId: TASK,
              pid: 2,
              sentAt: 22_000,
              answeredAt: 23_000,
              answer: 'none',
              at: retriedAt,
            },
          ],
        }),
      ).violations.map(v => v.kind);
    expect(failed(STEP_FAILURE)).toEqual(['noRetry']);
    expect(failed(STEP_FAILURE, 22_500)).not.toContain('noRetry');
    expect(failed('Connection terminated')).toContain('failedForDatabase');
  });

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

  it.each(['open', 'processing'])('find a task that is still %s', status => {
    expect(kindsIn({ task: { status } })).toEqual(['notEnded']);
  });

  it('find secrets that were left', () => {
    expect(kindsIn({ task: { hasSecrets: true } })).toEqual(['secretsLeft']);
  });

  it('find a step that began after the task had ended', () => {
    expect(
      kindsIn({
        journal: wholeRun('b', 20_000),
        events: [event('completion', 20_250)],
      }),
    ).toEqual(['ranAfterEnd']);
  });

  it('find a second run of a task with none, also of other steps than the first', () => {
    for (const [second, kinds] of [
      ['four', ['noneNotFromFirst', 'noneRanAgain']],
      ['one', ['noneRanAgain']],
    ] as const) {
      expect(
        kindsIn({
          task: { strategy: 'none' },
          journal: [...interruptedInFour, begin('b', second, 20_000)],
        }),
      ).toEqual(kinds);
    }
  });

  it('find a completed task that has not run a step to its end', () => {
    const journal = [
      ...interruptedInFour,
      begin('b', 'four', 20_000),
      end('b', 'four', 20_100),
    ];
    const task = { status: 'completed' } as const;
    const events = storedUpToFour;
    expect(kindsIn({ task, journal, events })).toEqual([]);
    expect(kindsIn({ task, journal: journal.slice(0, -1), events })).toEqual([
      'stepLeftOut',
    ]);
    // Where all steps run in every run, those of two runs do not add up.
    const restart = { ...task, strategy: 'restart' as const };
    expect(
      kindsIn({ task: restart, journal: wholeRun('b', 20_000).slice(0, -2) }),
    ).toEqual(['stepLeftOut']);
  });

  it.each([
    ['begins later', ['two', 'three', 'four']],
    ['leaves out a step', ['one', 'three']],
    ['runs a step twice', ['one', 'one']],
  ])('find a further run with restart that %s', (_, steps) => {
    expect(
      kindsIn({
        task: { strategy: 'restart' },
        journal: [
          ...interruptedInFour,
          ...steps.flatMap((id, i) => [
            begin('b', id, 20_000 + i * 10),
            end('b', id, 20_005 + i * 10),
          ]),
        ],
      }),
    ).toEqual(['restartNotFromFirst']);
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

  it('find two runs that were alive at the same time, and a step that ran twice', () => {
    const journal = [...interruptedInFour, begin('b', 'four', 9_000)];
    expect(kindsIn({ journal })).toEqual(['runsAtOnce', 'stepTwiceAtOnce']);
  });

  it('find two runs at once in different steps', () => {
    const journal = [
      begin('a', 'one', 1),
      end('a', 'one', 900),
      begin('b', 'two', 950),
      end('b', 'two', 980),
      begin('a', 'two', 990),
      end('a', 'two', 995),
    ];
    expect(kindsIn({ journal, events: storedUpToFour })).toEqual([
      'runsAtOnce',
    ]);
  });

  it('take a run as alive until its process ended, or for ever if that is not known', () => {
    const soon = [...interruptedInFour, begin('b', 'four', 10_000)];
    expect(kindsIn({ journal: soon })).toEqual([]);
    const late = [...interruptedInFour, begin('b', 'four', 10_000_000)];
    expect(kindsIn({ journal: late, lifetimes: [] })).toEqual([
      'runsAtOnce',
      'stepTwiceAtOnce',
    ]);
  });

  it('find a decision on a live run', () => {
    expect(
      kindsIn({
        journal: interruptedInFour,
        attempts: [attempt(1, 'resume', 9_000)],
      }),
    ).toEqual(['decidedOnOwnedRun']);
  });

  it('find an interruption that was decided on twice', () => {
    const attempts = [
      attempt(1, 'resume', 20_000),
      attempt(2, 'resume', 60_000),
    ];
    expect(kindsIn({ attempts, events: [event('recovered', 10_000)] })).toEqual(
      ['decidedTwice'],
    );
    // Those of the second decision do not count for the first.
    expect(kindsIn({ attempts, events: [event('recovered', 60_000)] })).toEqual(
      ['decidedTwice'],
    );
    expect(kindsIn({ attempts, events: [event('recovered', 20_000)] })).toEqual(
      [],
    );
  });

  it.each(['failed', 'cancelled'])('find a decision after %s', decision => {
    const attempts = [
      attempt(1, decision, 20_000),
      attempt(2, 'resume', 60_000),
    ];
    expect(kindsIn({ task: { strategy: 'none' }, attempts })).toEqual([
      'decidedAfterClosing',
    ]);
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

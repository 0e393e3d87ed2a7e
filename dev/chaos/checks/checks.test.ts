import { check, Evidence } from './checks';
import { JournalEntry, PROBLEMS } from '../../harness/actions/journal';
import { attendedMs, readLatencies } from '../report/latencies';
import { percentile } from '../../harness/percentile';
import {
  AttemptRecord,
  EventRecord,
  readRetries,
  RetryRecord,
  TaskRecord,
} from '../evidence/records';
import { formatReport, onInterruptions } from '../report/report';
import { POISONED_STEP, POISON_LIMIT } from '../settings';
import { ViolationKind, VIOLATIONS } from './violations';
import { hasWaited, notStoredIn, waitsIn } from '../evidence/logLines';
import { waitingLine } from '../../../src/decision/messages/logLines';

const TASK = 'task';

/** Run `a` is of process 1, which lives from 0 to 10 s, and run `b` of process 2, from 5 s on. */
const LIFETIMES = [
  { replica: 'first', pid: 1, startedAt: 0, exitedAt: 10_000 },
  { replica: 'second', pid: 2, startedAt: 5_000 },
  // The operating system has given the id of the first again.
  { replica: 'first', pid: 1, startedAt: 11_000 },
];

const begin = (runId: string, stepId: string, at: number): JournalEntry => ({
  kind: 'begin',
  at,
  pid: runId === 'a' ? 1 : 2,
  taskId: TASK,
  stepId,
  runId,
  problems: [],
});

const end = (runId: string, stepId: string, at: number): JournalEntry => ({
  ...begin(runId, stepId, at),
  kind: 'end',
});

const stored = (stepId: string, at: number): EventRecord => ({
  taskId: TASK,
  type: 'log',
  at,
  stepId,
  status: 'completed',
  message: `Finished step ${stepId}`,
});

const event = (type: string, at: number): EventRecord => ({
  taskId: TASK,
  type,
  at,
});

const attempt = (
  number: number,
  decision: string,
  at: number,
): AttemptRecord => ({
  taskId: TASK,
  attempt: number,
  trigger: 'interruption',
  decision,
  strategy: null,
  at,
  planned: false,
  skipped: [],
  again: [],
});

/** As what an interruption in step `four` is decided, with what that step needs. */
const afterOne = {
  skipped: ['one'],
  again: ['two', 'three'],
  files: { kind: 'snapshot', number: 2, stepId: 'one' },
} satisfies Partial<AttemptRecord>;

type Situation = Omit<Partial<Evidence>, 'tasks'> & {
  task?: Partial<TaskRecord>;
};

/** `three` depends on `two`, `four` on `three`, and nothing on `one`. */
function evidence({ task, ...rest }: Situation): Evidence {
  return {
    tasks: [
      {
        id: TASK,
        template: 'chaos-idempotent-4',
        strategy: 'idempotent',
        status: 'failed',
        hasSecrets: false,
        isPoisoned: false,
        steps: [
          { id: 'one', dependsOn: [] },
          { id: 'two', dependsOn: [] },
          { id: 'three', dependsOn: ['two'] },
          { id: 'four', dependsOn: ['three'] },
        ],
        ...task,
      },
    ],
    events: [],
    attempts: [],
    retries: [],
    journal: [],
    lifetimes: LIFETIMES,
    faults: [],
    notStored: [],
    snapshotRows: [],
    ...rest,
  };
}

const INDEPENDENT: TaskRecord['steps'] = ['one', 'two', 'three', 'four'].map(
  id => ({
    id,
    dependsOn: [],
  }),
);

/** What is found but that a task failed by itself, as it did in many of these situations. */
function kindsIn(situation: Situation): ViolationKind[] {
  return check(evidence(situation))
    .violations.map(v => v.kind)
    .filter(kind => kind !== 'failedForDatabase');
}

/** Step `four` was interrupted by the death of its process at 10 s. */
const interruptedInFour = [
  ...['one', 'two', 'three'].flatMap((id, i) => [
    begin('a', id, i * 1_000 + 1),
    end('a', id, i * 1_000 + 900),
  ]),
  begin('a', 'four', 4_000),
];
const storedUpToFour = [
  stored('one', 901),
  stored('two', 1_901),
  stored('three', 2_901),
];

const ended = (runId: string, ids: string[], from: number) =>
  ids.flatMap((id, i) => [
    begin(runId, id, from + i * 100),
    end(runId, id, from + i * 100 + 90),
  ]);

const wholeRun = (runId: string, from: number) =>
  ended(runId, ['one', 'two', 'three', 'four'], from);

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

  describe('of finished steps', () => {
    it('find one that ran again and was not needed', () => {
      const journal = [...interruptedInFour, begin('b', 'one', 20_000)];
      expect(kindsIn({ journal, events: storedUpToFour })).toEqual([
        'finishedStepAgain',
      ]);
    });

    it('find one that was only needed by a finished one', () => {
      const journal = [
        begin('a', 'one', 1),
        end('a', 'one', 2),
        begin('a', 'two', 3),
        end('a', 'two', 4),
        begin('a', 'three', 5),
        begin('b', 'one', 20_000),
      ];
      const events = [stored('one', 2), stored('two', 4)];
      const steps = [
        { id: 'one', dependsOn: [] },
        { id: 'two', dependsOn: ['one'] },
        { id: 'three', dependsOn: [] },
      ];
      expect(kindsIn({ task: { steps }, journal, events })).toEqual([
        'finishedStepAgain',
      ]);
    });

    it('allow one that is needed by a step that the run does not get to', () => {
      const journal = [...interruptedInFour, begin('b', 'two', 20_000)];
      expect(kindsIn({ journal, events: storedUpToFour })).toEqual([]);
    });

    it('allow one that comes after one that runs again, with whose files its own are lost', () => {
      const steps = INDEPENDENT.map(step =>
        step.id === 'four' ? { ...step, dependsOn: ['two'] } : step,
      );
      const course = (ids: string[]) =>
        kindsIn({
          task: { steps },
          journal: [...interruptedInFour, ...ended('b', ids, 20_000)],
          events: storedUpToFour,
        });
      expect(course(['two', 'three'])).toEqual([]);
      expect(course(['one', 'two', 'three'])).toEqual(['finishedStepAgain']);
    });

    it('allow all of them if it is recorded why a snapshot is missing, unless steps say what they depend on', () => {
      const missing = {
        kind: 'missing' as const,
        stepId: 'three',
        problem: 'too large',
      };
      const again = ['one', 'two', 'three'];
      const course = (of: Partial<AttemptRecord>, steps = INDEPENDENT) =>
        kindsIn({
          task: { steps },
          journal: [...interruptedInFour, ...wholeRun('b', 20_000)],
          events: storedUpToFour,
          attempts: [{ ...attempt(1, 'resume', 19_000), again, ...of }],
        });
      expect(course({ files: missing })).toEqual([]);
      expect(
        course({ files: { kind: 'snapshot', number: 4, stepId: 'three' } }),
      ).toEqual([
        'finishedStepAgain',
        'finishedStepAgain',
        'finishedStepAgain',
        'recordFalse',
      ]);
      const saying = evidence({}).tasks[0].steps;
      expect(course({ files: missing }, saying)).toEqual(['finishedStepAgain']);
    });

    it('allow one that was to run again for want of a snapshot also in later runs, until it has', () => {
      const files = {
        kind: 'missing' as const,
        stepId: 'three',
        problem: 'too large',
      };
      const course = (first: Partial<AttemptRecord>) =>
        kindsIn({
          task: { steps: INDEPENDENT },
          journal: [
            ...interruptedInFour,
            begin('b', 'one', 20_000),
            ...wholeRun('c', 40_000).map(e => ({ ...e, pid: 3 })),
          ],
          lifetimes: [
            LIFETIMES[0],
            { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 21_000 },
          ],
          events: [
            ...storedUpToFour,
            event('recovered', 19_000),
            event('recovered', 39_000),
          ],
          attempts: [
            {
              ...attempt(1, 'resume', 19_000),
              again: ['one', 'two', 'three'],
              files,
              ...first,
            },
            { ...attempt(2, 'resume', 39_000), files: { kind: 'empty' } },
          ],
        });
      expect(course({})).toEqual([]);
      expect(course({ files: { kind: 'empty' } })).toContain(
        'finishedStepAgain',
      );
    });

    it.each([
      ['was not stored', []],
      [
        'is only said to be skipped',
        [
          {
            ...stored('three', 21_000),
            message: 'Skipping step three because',
          },
        ],
      ],
      ['was stored for the further run only', [stored('three', 21_000)]],
    ])('count one whose end %s', (_, further) => {
      const events = [stored('one', 901), stored('two', 1_901), ...further];
      const journal = [...interruptedInFour, begin('b', 'three', 20_000)];
      const task = { steps: INDEPENDENT };
      expect(check(evidence({ task, journal, events }))).toEqual({
        violations: [],
        unrecordedEnds: 1,
        takenOver: 0,
      });
    });

    it('count an end that was not stored once, however many runs it costs', () => {
      const journal = [
        ...interruptedInFour,
        begin('b', 'three', 20_000),
        { ...begin('c', 'three', 30_000), pid: 3 },
      ];
      const events = [stored('one', 901), stored('two', 1_901)];
      const lifetimes = [
        { replica: 'first', pid: 1, startedAt: 0, exitedAt: 10_000 },
        { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 21_000 },
      ];
      const task = { steps: INDEPENDENT };
      expect(check(evidence({ task, journal, events, lifetimes }))).toEqual({
        violations: [],
        unrecordedEnds: 1,
        takenOver: 0,
      });
    });

    it('count what one needs whose end was not stored', () => {
      const steps = [
        { id: 'one', dependsOn: [] },
        { id: 'two', dependsOn: [] },
        { id: 'three', dependsOn: ['one'] },
        { id: 'four', dependsOn: [] },
      ];
      const events = [stored('one', 901), stored('two', 1_901)];
      const journal = [...interruptedInFour, begin('b', 'one', 20_000)];
      expect(check(evidence({ task: { steps }, journal, events }))).toEqual({
        violations: [],
        unrecordedEnds: 1,
        takenOver: 0,
      });
      // The run died before it got to that step again, and a later one did.
      events.push(stored('three', 41_000));
      expect(check(evidence({ task: { steps }, journal, events }))).toEqual({
        violations: [],
        unrecordedEnds: 1,
        takenOver: 0,
      });
    });
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

  describe('of the record of a decision', () => {
    const course = (record: Partial<AttemptRecord>, ids = ['two', 'three']) =>
      kindsIn({
        journal: [...interruptedInFour, ...ended('b', ids, 20_000)],
        events: storedUpToFour,
        attempts: [{ ...attempt(1, 'resume', 19_000), ...afterOne, ...record }],
      });

    it('find nothing in one that fits', () => {
      expect(course({})).toEqual([]);
      // It may be interrupted before it gets to a step.
      expect(course({}, ['two'])).toEqual([]);
    });

    it('find a finished step that it does not name, and one that had not finished', () => {
      expect(course({ skipped: [] })).toContain('recordFalse');
      expect(course({ again: ['two'] })).toEqual(['recordFalse']);
      expect(course({ again: ['two', 'three', 'four'] })).toEqual([
        'recordFalse',
      ]);
    });

    it('find a step that it lets run again and that the run passed over', () => {
      expect(course({}, ['two', 'four'])).toEqual(['recordFalse']);
    });

    it.each([
      ['of another step', { kind: 'snapshot', number: 3, stepId: 'two' }],
      ['of none', { kind: 'empty' }],
      ['that it does not tell', undefined],
    ] as const)('find that a run began with files %s', (_, files) => {
      expect(course({ files })).toEqual(['recordFalse']);
    });

    it('find a step that ran though all had finished, or that had not', () => {
      const finish = (journal: JournalEntry[], events: EventRecord[]) =>
        kindsIn({
          journal,
          events,
          attempts: [attempt(1, 'finish', 19_000)],
        });
      const all = [...storedUpToFour, stored('four', 4_101)];
      const whole = [...interruptedInFour, end('a', 'four', 4_100)];
      expect(finish(whole, all)).toEqual([]);
      expect(finish(interruptedInFour, storedUpToFour)).toEqual([
        'recordFalse',
      ]);
      expect(finish([...whole, begin('b', 'one', 20_000)], all)).toContain(
        'recordFalse',
      );
    });

    it('count a step as finished only until a decision lets it run again', () => {
      const again = (record: Partial<AttemptRecord>) =>
        kindsIn({
          journal: [
            ...interruptedInFour,
            begin('b', 'two', 20_000),
            { ...begin('c', 'two', 40_000), pid: 3 },
          ],
          lifetimes: [
            LIFETIMES[0],
            { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 21_000 },
          ],
          events: [
            ...storedUpToFour,
            event('recovered', 19_000),
            event('recovered', 39_000),
          ],
          attempts: [
            { ...attempt(1, 'resume', 19_000), ...afterOne },
            {
              ...attempt(2, 'resume', 39_000),
              ...afterOne,
              again: [],
              ...record,
            },
          ],
        });
      expect(again({})).toEqual([]);
      expect(again({ skipped: [] })).toContain('recordFalse');
    });

    it('find a missing snapshot of which neither the record nor any log tells why', () => {
      const missing = (problem?: string, notStored: string[] = []) =>
        kindsIn({
          attempts: [
            {
              ...attempt(1, 'resume', 19_000),
              files: { kind: 'missing', stepId: 'one', problem },
            },
          ],
          notStored,
        });
      expect(missing()).toEqual(['missingUntold']);
      expect(missing('too large')).toEqual([]);
      expect(missing(undefined, [TASK])).toEqual([]);
    });

    it('read in the log of a backend which files could not be stored', () => {
      const id = '0b1c2d3e-4f50-4617-8283-94a5b6c7d8e9';
      const lines = [
        `warn Could not store the workspace of task ${id}. If it`,
        `warn The workspace of task ${id} is not stored. Too`,
        `warn The workspace of task ${id} was not stored: the`,
        `warn Could not restore the workspace of task ${id}, trying`,
      ];
      expect(notStoredIn(lines.join('\n'))).toEqual([id, id, id]);
    });
  });

  it('find files of a completed task that are left in the database', () => {
    const snapshotRows = [{ taskId: TASK, table: 'packs', rows: 2 }];
    expect(kindsIn({ snapshotRows })).toEqual(['snapshotsLeft']);
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

  describe('of planned interruptions', () => {
    const planned = { ...attempt(1, 'resume', 19_000), planned: true };
    const endedBy = (signal?: string) => [
      { ...LIFETIMES[0], endedBy: signal },
      ...LIFETIMES.slice(1),
    ];

    it.each(['SIGKILL', undefined])(
      'find one of a process that was ended by %s',
      signal => {
        expect(
          kindsIn({
            journal: interruptedInFour,
            attempts: [planned],
            lifetimes: endedBy(signal),
          }),
        ).toEqual(['plannedUnasked']);
      },
    );

    it('allow one of a process that was asked to end, and that had to be killed then', () => {
      for (const signal of ['SIGTERM', 'SIGTERM, SIGKILL']) {
        expect(
          kindsIn({
            journal: interruptedInFour,
            attempts: [planned],
            lifetimes: endedBy(signal),
          }),
        ).toEqual([]);
      }
    });

    it('know nothing of a run in which no step began', () => {
      const attempts = [{ ...planned, attempt: 2, at: 60_000 }];
      expect(
        kindsIn({
          journal: interruptedInFour,
          events: [event('recovered', 19_000)],
          attempts: [attempt(1, 'resume', 19_000), ...attempts],
        }),
      ).toEqual([]);
    });
  });

  describe('of tasks that end their process', () => {
    const attempts = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        attempt(i + 1, i === count - 1 ? 'failed' : 'restart', 100_000 * i),
      );
    const recovered = (count: number) =>
      attempts(count).map(a => event('recovered', a.at));
    /** So many processes ended in the poisoned step. */
    const tries = (count: number) => ({
      journal: Array.from({ length: count }, (_, i) => ({
        ...begin('a', POISONED_STEP, i * 1_000),
        pid: i,
        runId: `run-${i}`,
      })),
      lifetimes: Array.from({ length: count }, (_, i) => ({
        replica: 'first',
        pid: i,
        startedAt: 0,
        exitedAt: i * 1_000 + 1,
      })),
    });
    const poisoned = {
      isPoisoned: true,
      strategy: 'restart' as const,
      steps: [{ id: POISONED_STEP, dependsOn: [] }],
    };

    it('find one that was tried too often', () => {
      expect(kindsIn({ task: poisoned, ...tries(POISON_LIMIT + 1) })).toEqual(
        [],
      );
      expect(kindsIn({ task: poisoned, ...tries(POISON_LIMIT + 2) })).toEqual([
        'poisonNotStopped',
      ]);
    });

    it('find a task that was closed before its limit, or that has none', () => {
      const count = POISON_LIMIT + 1;
      expect(
        kindsIn({
          task: poisoned,
          attempts: attempts(count),
          events: recovered(count),
        }),
      ).toEqual([]);
      expect(
        kindsIn({
          task: poisoned,
          attempts: attempts(count - 1),
          events: recovered(count - 1),
        }),
      ).toEqual(['closedTooSoon']);
      expect(
        kindsIn({ attempts: attempts(count), events: recovered(count) }),
      ).toEqual(['closedTooSoon']);
    });
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

  describe('of tasks that were started again after they had failed', () => {
    const answered = (at: number): RetryRecord => ({
      taskId: TASK,
      pid: 2,
      sentAt: at - 50,
      answeredAt: at + 50,
      answer: 'started',
      at,
    });
    const recorded = (
      number: number,
      of: Pick<AttemptRecord, 'decision' | 'strategy' | 'at'>,
    ): AttemptRecord => ({
      ...attempt(number, of.decision, of.at),
      ...of,
      trigger: 'retry',
    });
    const failed = (stepId: string, at: number): EventRecord => ({
      ...stored(stepId, at),
      status: 'failed',
      message: `Step ${stepId} failed`,
    });
    const failedEnd = (at: number): EventRecord => ({
      ...event('completion', at),
      error: 'so it was',
    });
    /** Closed at 19 s, since its process died in step `four` at 10 s. Started again at 30 s, when it had ended. */
    const closed = (
      strategy: 'none' | 'restart',
      further: Situation & { journal: JournalEntry[] },
    ): Situation => ({
      ...further,
      task: { strategy, status: 'completed', ...further.task },
      journal: [...interruptedInFour, ...further.journal],
      events: [
        ...storedUpToFour,
        failedEnd(19_000),
        event('recovered', 30_000),
        ...(further.events ?? [event('completion', 60_000)]),
      ],
      attempts: [
        attempt(1, 'failed', 19_000),
        recorded(2, { decision: 'restart', strategy, at: 30_000 }),
        ...(further.attempts ?? []),
      ],
      retries: further.retries ?? [answered(30_000)],
    });

    /** The same of a task that goes on, whose step `four` failed. */
    const resumed = (further: Situation): Situation => ({
      task: { status: 'completed' },
      journal: [
        ...ended('a', ['one', 'two', 'three'], 1_000),
        begin('a', 'four', 2_000),
        ...ended('b', ['two', 'three', 'four'], 30_100),
      ],
      events: [
        ...['one', 'two', 'three'].map((id, i) => stored(id, 1_091 + i * 100)),
        failed('four', 19_000),
        failedEnd(19_000),
        event('recovered', 30_000),
        event('completion', 60_000),
      ],
      attempts: [
        {
          ...recorded(1, {
            decision: 'resume',
            strategy: 'idempotent',
            at: 30_000,
          }),
          ...afterOne,
        },
      ],
      retries: [answered(30_000)],
      ...further,
    });

    it('find nothing if they ran as promised', () => {
      const journal = wholeRun('b', 30_100);
      expect(kindsIn(closed('none', { journal }))).toEqual([]);
      expect(kindsIn(resumed({}))).toEqual([]);
    });

    it('find one with none that did not begin with its first step', () => {
      const journal = ended('b', ['four'], 30_100);
      expect(kindsIn(closed('none', { journal }))).toEqual([
        'noneNotFromFirst',
        'stepLeftOut',
      ]);
    });

    it('find one that completed without having run any step again', () => {
      expect(kindsIn(closed('none', { journal: [] }))).toEqual(['stepLeftOut']);
    });

    it('find one with none that ran on after a further interruption, though not if that closed it', () => {
      const lifetimes = [
        LIFETIMES[0],
        { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 40_000 },
        { replica: 'third', pid: 3, startedAt: 40_000 },
      ];
      const task = { status: 'failed' };
      const again = attempt(3, 'failed', 50_000);
      const interrupted = [begin('b', 'one', 30_100)];
      const events = [failedEnd(50_000)];
      expect(
        kindsIn(
          closed('none', {
            task,
            journal: interrupted,
            events,
            attempts: [again],
            lifetimes,
          }),
        ),
      ).toEqual([]);
      expect(
        kindsIn(
          closed('none', {
            task,
            journal: [
              ...interrupted,
              { ...begin('c', 'one', 45_000), pid: 3 },
              { ...end('c', 'one', 45_100), pid: 3 },
            ],
            events,
            attempts: [again],
            lifetimes,
          }),
        ),
      ).toEqual(['noneRanAgain']);
    });

    it('find one with none that ran twice before it was started again', () => {
      const lifetimes = [
        LIFETIMES[0],
        { replica: 'second', pid: 2, startedAt: 5_000 },
      ];
      expect(
        kindsIn(
          closed('none', {
            journal: [...ended('b', ['one'], 12_000), ...wholeRun('c', 30_100)],
            lifetimes,
          }),
        ),
      ).toEqual(['noneRanAgain']);
    });

    it('find one with restart that did not begin with its first step', () => {
      const journal = ended('b', ['four'], 30_100);
      expect(kindsIn(closed('restart', { journal }))).toEqual([
        // Nothing closes such a task for its first interruption, before the retry.
        'closedTooSoon',
        'restartNotFromFirst',
        'stepLeftOut',
      ]);
    });

    it('find a finished step that ran again and was not needed', () => {
      const journal = [
        ...(resumed({}).journal ?? []).slice(0, -6),
        ...wholeRun('b', 30_100),
      ];
      expect(kindsIn(resumed({ journal }))).toEqual([
        'finishedStepAgain',
        'recordNotKept',
        'recordFalse',
      ]);
    });

    it('allow all steps to run again if the strategy could not be looked up, and only then', () => {
      const journal = [
        ...(resumed({}).journal ?? []).slice(0, -6),
        ...wholeRun('b', 30_100),
      ];
      const told = (strategy: string | null) =>
        kindsIn(
          resumed({
            journal,
            attempts: [
              {
                ...recorded(1, { decision: 'restart', strategy, at: 30_000 }),
                again: ['one', 'two', 'three'],
                files: { kind: 'empty' },
              },
            ],
          }),
        );
      expect(told(null)).toEqual([]);
      expect(told('none')).toEqual(['finishedStepAgain', 'retryMisjudged']);
      expect(told('idempotent')).toEqual([
        'finishedStepAgain',
        'retryMisjudged',
      ]);
    });

    it('find a later step that did not run again after one that had failed', () => {
      // In a second run, step `two` failed, which `four` needs. Step `three` had finished before. There are no snapshots to go back to.
      const steps = INDEPENDENT.map(step =>
        step.id === 'four' ? { ...step, dependsOn: ['two'] } : step,
      );
      const files = {
        kind: 'missing' as const,
        stepId: 'one',
        problem: 'too large',
      };
      const course = (
        ids: string[],
        told: EventRecord[],
        record: Partial<AttemptRecord> = { skipped: ['one'], again: ['three'] },
      ): Situation => ({
        task: { status: 'completed', steps },
        journal: [
          ...ended('a', ['one', 'two', 'three'], 1_000),
          begin('a', 'four', 2_000),
          begin('b', 'two', 15_000),
          ...ended('c', ids, 30_100),
        ],
        lifetimes: [
          LIFETIMES[0],
          { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 16_000 },
        ],
        events: [
          ...['one', 'two', 'three'].map((id, i) =>
            stored(id, 1_091 + i * 100),
          ),
          event('recovered', 14_000),
          ...told,
          failedEnd(19_000),
          event('recovered', 30_000),
          event('completion', 60_000),
        ],
        attempts: [
          {
            ...attempt(1, 'resume', 14_000),
            skipped: ['one', 'three'],
            again: ['two'],
            files,
          },
          {
            ...recorded(2, {
              decision: 'resume',
              strategy: 'idempotent',
              at: 30_000,
            }),
            files,
            ...record,
          },
        ],
        retries: [answered(30_000)],
      });
      const started = { ...stored('two', 15_000), status: 'processing' };
      const passedOver = { ...stored('three', 18_000), status: 'skipped' };
      for (const told of [
        [started, failed('two', 18_000)],
        // Its failure could not be written.
        [started, passedOver],
      ]) {
        expect(kindsIn(course(['two', 'three', 'four'], told))).toEqual([]);
        const leavingOut = { skipped: ['one', 'three'], again: [] };
        expect(kindsIn(course(['two', 'four'], told, leavingOut))).toEqual([
          'laterStepLeftOut',
        ]);
      }
      // It was interrupted, and has not failed.
      expect(kindsIn(course(['two', 'three', 'four'], [started]))).toEqual([
        'finishedStepAgain',
      ]);
    });

    it('find a run that was still alive when the task ran again', () => {
      const journal = [
        ...interruptedInFour,
        end('a', 'four', 35_000),
        ...wholeRun('b', 30_100),
      ];
      const lifetimes = [
        { replica: 'first', pid: 1, startedAt: 0 },
        LIFETIMES[1],
      ];
      expect(
        kindsIn({ ...closed('none', { journal: [] }), journal, lifetimes }),
      ).toEqual(expect.arrayContaining(['runsAtOnce', 'stepTwiceAtOnce']));
    });

    it('find a step that began after the end, before the task was started again and after', () => {
      const late = ended('b', ['one'], 25_000);
      expect(
        kindsIn({
          ...closed('restart', {
            journal: [...late, ...wholeRun('c', 30_100)],
          }),
        }),
      ).toContain('ranAfterEnd');
      expect(
        kindsIn(closed('none', { journal: wholeRun('b', 59_950) })),
      ).toEqual(['ranAfterEnd', 'ranAfterEnd', 'ranAfterEnd']);
    });

    it('find one that was decided on after it had been closed again', () => {
      expect(
        kindsIn(
          closed('none', {
            journal: wholeRun('b', 30_100),
            attempts: [
              attempt(3, 'failed', 50_000),
              attempt(4, 'resume', 55_000),
            ],
          }),
        ),
      ).toEqual(['decidedAfterClosing']);
    });

    it('count the attempts of one that ends its process anew', () => {
      const tries = (count: number, from: number) =>
        Array.from({ length: count }, (_, i) => ({
          ...begin('a', POISONED_STEP, from + i * 1_000),
          pid: from + i,
          runId: `run-${from + i}`,
        }));
      const poisoned = (count: number): Situation => {
        const journal = [
          ...tries(POISON_LIMIT + 1, 1_000),
          ...tries(count, 30_000),
        ];
        return {
          task: {
            isPoisoned: true,
            strategy: 'restart',
            steps: [{ id: POISONED_STEP, dependsOn: [] }],
          },
          journal,
          lifetimes: journal.map(({ pid, at }) => ({
            replica: 'first',
            pid,
            startedAt: 0,
            exitedAt: at + 1,
          })),
          events: [
            failedEnd(19_000),
            event('recovered', 29_000),
            failedEnd(60_000),
          ],
          attempts: [
            recorded(1, {
              decision: 'restart',
              strategy: 'restart',
              at: 29_000,
            }),
          ],
          retries: [{ ...answered(29_000) }],
        };
      };
      expect(kindsIn(poisoned(POISON_LIMIT + 1))).toEqual([]);
      expect(kindsIn(poisoned(POISON_LIMIT + 2))).toEqual(['poisonNotStopped']);
    });

    it('find an expired sign-in that was told after a retry, which brings a new one', () => {
      const warning = {
        ...event('log', 45_000),
        message: 'Warning: the sign-in that this task was started with expired',
      };
      const situation = resumed({
        task: { status: 'completed', signInExpiredAt: 5_000 },
      });
      expect(kindsIn(situation)).toEqual([]);
      expect(
        kindsIn({
          ...situation,
          events: [...situation.events!, warning],
        }),
      ).toEqual(['expiryNotTold']);
    });

    it('count an end that was not stored once, before the retry and after it', () => {
      // That of step `three`, which ran again in a second run, and in a third one after the retry.
      const situation = resumed({});
      const journal = [
        ...(situation.journal ?? []).slice(0, -6),
        begin('b', 'three', 12_000),
        { ...begin('c', 'three', 30_100), pid: 3 },
      ];
      const events = situation
        .events!.filter(e => e.stepId !== 'three')
        .toSpliced(2, 0, event('recovered', 11_000));
      const lifetimes = [
        LIFETIMES[0],
        { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 13_000 },
        { replica: 'third', pid: 3, startedAt: 13_000 },
      ];
      const found = check(
        evidence({
          ...situation,
          task: { status: 'failed', steps: INDEPENDENT },
          journal,
          events,
          lifetimes,
          attempts: [],
          retries: [{ ...answered(30_000), answer: 'refused' }],
        }),
      );
      expect(found).toMatchObject({
        violations: [{ kind: 'failedForDatabase' }],
        unrecordedEnds: 1,
      });
    });

    it('find a retry that was answered and did not happen, but none that was not answered', () => {
      const { at, ...asked } = answered(30_000);
      expect(kindsIn({ retries: [asked] })).toEqual(['retryLost']);
      for (const answer of ['refused', 'none'] as const) {
        expect(kindsIn({ retries: [{ ...asked, answer }] })).toEqual([]);
      }
    });

    it('find a retry that was not recorded, unless its process died in that moment or was told that it had failed', () => {
      const lifetimes = (exitedAt?: number) => [
        LIFETIMES[0],
        { replica: 'second', pid: 2, startedAt: 5_000, exitedAt },
      ];
      const missing = (exitedAt?: number, answer = answered(30_000).answer) =>
        kindsIn(
          resumed({
            attempts: [],
            retries: [{ ...answered(30_000), answer }],
            lifetimes: lifetimes(exitedAt),
          }),
        );
      expect(missing()).toEqual(['retryNotRecorded']);
      expect(missing(60_000)).toEqual(['retryNotRecorded']);
      expect(missing(60_000, 'none')).toEqual(['retryNotRecorded']);
      expect(missing(31_000)).toEqual([]);
      expect(missing(60_000, 'refused')).toEqual([]);
    });

    it('hold what ran against the strategy also where the retry was not recorded', () => {
      const lifetimes = [
        LIFETIMES[0],
        { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 31_000 },
      ];
      const journal = [
        ...(resumed({}).journal ?? []).slice(0, -6),
        ...wholeRun('b', 30_100),
      ];
      expect(kindsIn(resumed({ attempts: [], journal, lifetimes }))).toEqual([
        'finishedStepAgain',
      ]);
    });

    it('find a retry that was recorded and did not happen, or was recorded twice', () => {
      const record = { ...resumed({}).attempts![0], skipped: [], again: [] };
      expect(kindsIn({ attempts: [record] })).toEqual(['retryRecordedFalsely']);
      expect(
        kindsIn(
          resumed({
            attempts: [1, 2].map(number => ({
              ...resumed({}).attempts![0],
              attempt: number,
            })),
          }),
        ),
      ).toEqual(['retryRecordedFalsely']);
    });

    it('find a retry that was decided on by another strategy, or counts as planned', () => {
      const journal = wholeRun('b', 30_100);
      const [closing, record] = closed('none', { journal }).attempts!;
      for (const wrong of [
        { strategy: 'restart' },
        { decision: 'resume' },
        { planned: true },
      ]) {
        const attempts = [closing, { ...record, ...wrong }];
        expect(kindsIn({ ...closed('none', { journal }), attempts })).toEqual([
          'retryMisjudged',
        ]);
      }
    });

    it('tell by the events of a task whether a retry happened', () => {
      const row = (id: number, event_type: string) => ({
        id: String(id),
        task_id: TASK,
        event_type,
        body: '{}',
        created_at: new Date(id * 1_000),
      });
      const { at, ...asked } = answered(30_000);
      const sent = [{ ...asked, end: row(19, 'completion') }];
      const before = [row(9, 'recovered'), row(10, 'log')];
      expect(readRetries(sent, [...before, row(19, 'completion')])).toEqual({
        retries: [{ ...asked, at: undefined }],
        deletedEnds: [],
      });
      expect(
        readRetries(sent, [
          ...before,
          row(30, 'recovered'),
          row(100, 'recovered'),
        ]),
      ).toEqual({
        retries: [{ ...asked, at: 30_000 }],
        deletedEnds: [sent[0].end],
      });
    });
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

describe('latencies', () => {
  it('last from the death of a process to the next step or the end', () => {
    const journal = [...interruptedInFour, begin('b', 'four', 25_000)];
    const events = [event('completion', 26_000)];
    expect(readLatencies(evidence({ journal, events }))).toEqual([
      {
        taskId: TASK,
        diedAt: 10_000,
        ms: 15_000,
        end: 'step',
        isPlanned: false,
      },
    ]);
    expect(
      readLatencies(evidence({ journal: interruptedInFour, events })),
    ).toMatchObject([{ diedAt: 10_000, ms: 16_000, end: 'closed' }]);
    expect(readLatencies(evidence({ journal: interruptedInFour }))).toEqual([]);
  });

  it('tell whether the process had been asked to end', () => {
    const journal = [...interruptedInFour, begin('b', 'four', 25_000)];
    const lifetimes = [
      { ...LIFETIMES[0], endedBy: 'SIGTERM, SIGKILL' },
      ...LIFETIMES.slice(1),
    ];
    expect(readLatencies(evidence({ journal, lifetimes }))).toMatchObject([
      { isPlanned: true },
    ]);
  });

  it('tell whether the task waited for an isolated final attempt, by the logs of the backends', () => {
    const at = '2026-11-25T10:00:00.123Z';
    const log = [
      `\u001b[2m${at}\u001b[22m \u001b[34mscaffolder\u001b[39m \u001b[32minfo\u001b[39m ${waitingLine(TASK)} \u001b[2m \u001b[22m`,
      `${at} scaffolder info Task other is interrupted`,
      `${at} scaffolder info ${waitingLine('other')}`,
    ].join('\n');
    const waits = waitsIn(log);
    expect(waits).toEqual([
      { taskId: TASK, at: Date.parse(at) },
      { taskId: 'other', at: Date.parse(at) },
    ]);

    const latency = { taskId: TASK, diedAt: Date.parse(at) - 5_000, ms: 6_000 };
    expect(hasWaited(latency, waits)).toBe(true);
    expect(hasWaited({ ...latency, ms: 4_000 }, waits)).toBe(false);
    expect(hasWaited({ ...latency, taskId: 'third' }, waits)).toBe(false);
    expect(hasWaited({ ...latency, diedAt: Date.parse(at) + 1 }, waits)).toBe(
      false,
    );
  });

  it('can be counted without the time in which no backend was up', () => {
    const latency = { diedAt: 10_000, ms: 20_000 };
    expect(
      attendedMs(latency, [
        { replica: 'first', readyAt: 14_000, exitedAt: 18_000 },
        { replica: 'first', readyAt: 2_000, exitedAt: 11_000 },
        { replica: 'first', readyAt: 15_000, exitedAt: 17_000 },
        // It was never ready.
        { replica: 'first', exitedAt: 26_000 },
        { replica: 'first', readyAt: 16_000, exitedAt: 20_000 },
        { replica: 'second', readyAt: 28_000 },
        { replica: 'first', readyAt: 31_000 },
      ]),
    ).toBe(1_000 + 6_000 + 2_000);
    expect(attendedMs(latency, [])).toBe(0);
    expect(attendedMs(latency, [{ replica: 'first', readyAt: 0 }])).toBe(
      20_000,
    );
  });

  it('can be counted without the time in which the only backend that was up was cut off', () => {
    const latency = { diedAt: 10_000, ms: 20_000 };
    const lifetimes = [
      { replica: 'first', readyAt: 0 },
      { replica: 'second', readyAt: 20_000 },
    ];
    const cut = {
      kind: 'cut' as const,
      target: 'first',
      startedAt: 12_000,
      endedAt: 25_000,
      during: [],
    };
    expect(attendedMs(latency, lifetimes, [cut])).toBe(2_000 + 10_000);
    expect(attendedMs(latency, lifetimes, [{ ...cut, kind: 'delay' }])).toBe(
      20_000,
    );
  });

  it('can be counted without the time in which the database was away, too', () => {
    const latency = { diedAt: 10_000, ms: 20_000 };
    const lifetimes = [
      { replica: 'first', readyAt: 0, exitedAt: 16_000 },
      { replica: 'first', readyAt: 20_000, exitedAt: 29_000 },
    ];
    expect(
      attendedMs(
        latency,
        lifetimes,
        [],
        [
          { startedAt: 1_000, endedAt: 11_000 },
          { startedAt: 14_000, endedAt: 21_000 },
          { startedAt: 15_000, endedAt: 22_000 },
          { startedAt: 28_000 },
        ],
      ),
    ).toBe(3_000 + 6_000);
  });

  it('have percentiles', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.95)).toBe(95);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([], 0.5)).toBeUndefined();
  });
});

describe('the report', () => {
  it('tells retries apart from decisions on interruptions', () => {
    const journal = wholeRun('b', 30_100);
    const lifetimes = LIFETIMES.map(l => ({ ...l, replica: 'first' }));
    const closing = {
      ...attempt(1, 'failed', 19_000),
      interruptedBy: 'crash',
    };
    const all = {
      ...evidence({
        task: { strategy: 'none', status: 'completed' },
        journal: [...interruptedInFour, ...journal],
        events: [
          event('completion', 19_000),
          event('recovered', 30_000),
          event('completion', 60_000),
        ],
        attempts: [
          closing,
          {
            ...attempt(2, 'restart', 30_000),
            trigger: 'retry',
            strategy: 'none',
          },
        ],
        retries: [
          {
            taskId: TASK,
            pid: 2,
            sentAt: 29_000,
            answeredAt: 31_000,
            answer: 'started',
            at: 30_000,
          },
        ],
      }),
      lifetimes,
    };
    const report = formatReport({
      options: {
        minutes: 1,
        seed: 1,
        poison: true,
      },
      startedAt: 0,
      endedAt: 60_000,
      dispatchFailures: 0,
      evidence: all,
      waits: [],
      findings: check(all),
    });
    const rows = report
      .split('\n')
      .map(line => line.trim().split(/ {2,}/).join(' | '));
    const after = (title: string) =>
      rows.slice(rows.findIndex(row => row.startsWith(title)));
    // Restarts, resumptions, finishes, closings, cancellations, all, and what interrupted them.
    expect(after('Recoveries')).toContain(
      'none | 0 | 0 | 0 | 1 | 0 | 1 | 0 | 1 | 0 | 0',
    );
    const retries = after('Retries');
    expect(retries).toContain('answered | 1 | 1');
    // Retried, then how, not recorded, interrupted again, completed, failed again.
    expect(retries).toContain('closed | none | 1 | 1 | 0 | 0 | 0 | 0 | 1 | 0');
    expect(retries).toContain('all | 1 | 1');
    expect(onInterruptions(all)).toEqual([closing]);
  });
});

import { JournalEntry } from '../../harness/actions/journal';
import { AttemptRecord, EventRecord, TaskRecord } from '../evidence/records';
import type { Evidence } from '../evidence/evidence';
import { check } from './checks';
import { ViolationKind } from './violations';

export const TASK = 'task';

/** Run `a` is of process 1, which lives from 0 to 10 s, and run `b` of process 2, from 5 s on. */
export const LIFETIMES = [
  { replica: 'first', pid: 1, startedAt: 0, exitedAt: 10_000 },
  { replica: 'second', pid: 2, startedAt: 5_000 },
  // The operating system has given the id of the first again.
  { replica: 'first', pid: 1, startedAt: 11_000 },
];

export const begin = (
  runId: string,
  stepId: string,
  at: number,
): JournalEntry => ({
  kind: 'begin',
  at,
  pid: runId === 'a' ? 1 : 2,
  taskId: TASK,
  stepId,
  runId,
  problems: [],
});

export const end = (
  runId: string,
  stepId: string,
  at: number,
): JournalEntry => ({
  ...begin(runId, stepId, at),
  kind: 'end',
});

export const stored = (stepId: string, at: number): EventRecord => ({
  taskId: TASK,
  type: 'log',
  at,
  stepId,
  status: 'completed',
  message: `Finished step ${stepId}`,
});

export const event = (type: string, at: number): EventRecord => ({
  taskId: TASK,
  type,
  at,
});

export const attempt = (
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
export const afterOne = {
  skipped: ['one'],
  again: ['two', 'three'],
  files: { kind: 'snapshot', number: 2, stepId: 'one' },
} satisfies Partial<AttemptRecord>;

export type Situation = Omit<Partial<Evidence>, 'tasks'> & {
  task?: Partial<TaskRecord>;
};

/** `three` depends on `two`, `four` on `three`, and nothing on `one`. */
export function evidence({ task, ...rest }: Situation): Evidence {
  return {
    tasks: [
      {
        id: TASK,
        template: 'chaos-idempotent-4',
        strategy: 'idempotent',
        status: 'failed',
        hasSecrets: false,
        isPoisoned: false,
        isFailing: false,
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
    leftFiles: [],
    ...rest,
  };
}

export const INDEPENDENT: TaskRecord['steps'] = [
  'one',
  'two',
  'three',
  'four',
].map(id => ({
  id,
  dependsOn: [],
}));

/** What is found but that a task failed by itself, as it did in many of these situations. */
export function kindsIn(situation: Situation): ViolationKind[] {
  return check(evidence(situation))
    .violations.map(v => v.kind)
    .filter(kind => kind !== 'failedForDatabase');
}

/** Step `four` was interrupted by the death of its process at 10 s. */
export const interruptedInFour = [
  ...['one', 'two', 'three'].flatMap((id, i) => [
    begin('a', id, i * 1_000 + 1),
    end('a', id, i * 1_000 + 900),
  ]),
  begin('a', 'four', 4_000),
];
export const storedUpToFour = [
  stored('one', 901),
  stored('two', 1_901),
  stored('three', 2_901),
];

/** What goes with `interruptedInFour` and run `b`, which the death of its process interrupted at 21 s. Both times the task was decided on. */
export const interruptedTwice = {
  lifetimes: [
    LIFETIMES[0],
    { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 21_000 },
  ],
  events: [
    ...storedUpToFour,
    event('recovered', 19_000),
    event('recovered', 39_000),
  ],
} satisfies Situation;

export const ended = (runId: string, ids: string[], from: number) =>
  ids.flatMap((id, i) => [
    begin(runId, id, from + i * 100),
    end(runId, id, from + i * 100 + 90),
  ]);

export const wholeRun = (runId: string, from: number) =>
  ended(runId, ['one', 'two', 'three', 'four'], from);

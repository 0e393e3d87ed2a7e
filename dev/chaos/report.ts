import { Evidence, Findings, groupByTask, readEpochs } from './checks';
import type { Epoch } from './epochs';
import { Fault } from './FaultInjector';
import { FILE_MOMENTS } from './FileMoments';
import { FAULT_KINDS, FAULT_NAMES } from './faultPlan';
import { attendedMs, Latency, percentile, readLatencies } from './latencies';
import { AttemptRecord, TaskRecord } from './records';
import type { Lifetime } from '../harness/Replica';
import {
  GRACEFUL_REPLICA,
  REPLICAS,
  SLOW_RECOVERY_SECONDS,
  STALE_TIMEOUT_HOURS,
  STEP_MS,
  TASKS_IN_FLIGHT,
  TIMEOUT_SECONDS,
} from './settings';
import { STRATEGIES } from './templates';
import { formatTable } from '../harness/table';
import { VIOLATIONS, ViolationKind } from './violations';
import { hasWaited, Wait } from './waits';

const ATTENDED = 'all, less the time in which no backend was up';
const STATUSES = ['completed', 'failed', 'cancelled', 'processing', 'open'];
export const DECISIONS = ['restart', 'resume', 'finish', 'failed', 'cancelled'];

export type ChaosOptions = {
  /** How long faults are injected. */
  minutes: number;
  seed: number;
  /** Whether some tasks end their process. */
  poison: boolean;
};

export type Outcome = {
  options: ChaosOptions;
  startedAt: number;
  /** When all had come to rest. */
  endedAt: number;
  faults: Fault[];
  /** Dispatches that were refused or got no answer. */
  dispatchFailures: number;
  evidence: Evidence & { lifetimes: Lifetime[] };
  waits: Wait[];
  findings: Findings;
};

/** Everything that a stranger needs to judge a run. */
export function formatReport(outcome: Outcome): string {
  return [
    settingsOf(outcome),
    faultsOf(outcome),
    processesOf(outcome),
    tasksOf(outcome),
    recoveriesOf(outcome),
    retriesOf(outcome),
    latenciesOf(outcome),
    failuresOf(outcome),
    violationsOf(outcome),
  ].join('\n\n');
}

function settingsOf({ options, evidence, dispatchFailures }: Outcome): string {
  const steps = evidence.journal.filter(e => e.kind === 'begin').length;
  return section(
    'Settings',
    formatTable(
      ['setting', 'value'],
      [
        ['seed', String(options.seed)],
        ['faults injected for', `${options.minutes} minutes`],
        ['backends', `${REPLICAS.length}, one PostgreSQL`],
        ['of which with a graceful shutdown', GRACEFUL_REPLICA],
        ['recoverTasksTimeout', `${TIMEOUT_SECONDS} seconds`],
        ['staleTimeout', `${STALE_TIMEOUT_HOURS} hours`],
        ['tasks in flight', `up to ${TASKS_IN_FLIGHT}`],
        ['a step takes', `${STEP_MS.low} ms to ${STEP_MS.high / 1000} s`],
        ['tasks started', String(evidence.tasks.length)],
        [
          'of which end their process',
          String(evidence.tasks.filter(t => t.isPoisoned).length),
        ],
        ['dispatches without an answer', String(dispatchFailures)],
        ['steps begun', String(steps)],
      ],
    ),
  );
}

function faultsOf({ faults }: Outcome): string {
  const row = (name: string, some: Fault[]) => [
    name,
    some.length,
    some.filter(f => f.during.length > 0).length,
    some.filter(f => f.moment && f.hitAt === undefined).length,
  ];
  const moments = formatTable(
    ['moment', 'backends hit'],
    FILE_MOMENTS.map(({ name }) => [
      name,
      faults.filter(f => f.moment === name && f.hitAt !== undefined).length,
    ]),
  );
  const table = formatTable(
    [
      'fault',
      'count',
      'of which during another fault',
      'to whose moment nobody came',
    ],
    [
      ...FAULT_KINDS.map(kind =>
        row(
          FAULT_NAMES[kind],
          faults.filter(f => f.kind === kind),
        ),
      ),
      row('all', faults),
    ],
  );
  return section('Faults', `${table}\n\n${moments}`);
}

function processesOf({ evidence }: Outcome): string {
  const { lifetimes } = evidence;
  const count = (test: (life: Lifetime) => unknown) =>
    lifetimes.filter(test).length;
  return section(
    'Backend processes',
    formatTable(
      ['processes', 'count'],
      [
        ['started', lifetimes.length],
        ['became ready', count(l => l.readyAt)],
        [
          'ended by a fault before they were ready',
          count(l => l.endedBy && !l.readyAt),
        ],
        [
          'ended by themselves, or not ready within a minute',
          count(l => l.endedByItself && !l.readyAt),
        ],
        [
          'ended by themselves after that',
          count(l => l.endedByItself && l.readyAt),
        ],
      ],
    ),
  );
}

function tasksOf({ evidence }: Outcome): string {
  const templates = [...new Set(evidence.tasks.map(kindOf))].sort();
  const statuses = STATUSES.filter(
    s => STATUSES.indexOf(s) < 3 || evidence.tasks.some(t => t.status === s),
  );
  const row = (name: string, tasks: TaskRecord[]) => [
    name,
    ...statuses.map(s => tasks.filter(t => t.status === s).length),
    tasks.length,
  ];
  return section(
    'Tasks by strategy and final status',
    formatTable(
      ['strategy', ...statuses, 'all'],
      [
        ...templates.map(kind =>
          row(
            kind,
            evidence.tasks.filter(t => kindOf(t) === kind),
          ),
        ),
        row('all', evidence.tasks),
      ],
    ),
  );
}

function recoveriesOf({ evidence, findings }: Outcome): string {
  const { tasks } = evidence;
  const attempts = onInterruptions(evidence);
  const strategyOf = new Map(tasks.map(t => [t.id, t.strategy]));
  const counts = [...groupByTask(attempts).values()].map(a => a.length);
  const most = Math.max(0, ...counts);
  const table = formatTable(
    ['strategy', ...DECISIONS, 'all', 'of which planned'],
    STRATEGIES.map(strategy => {
      const some = attempts.filter(a => strategyOf.get(a.taskId) === strategy);
      return [
        strategy,
        ...DECISIONS.map(d => some.filter(a => a.decision === d).length),
        some.length,
        some.filter(a => a.planned).length,
      ];
    }),
  );
  return section(
    'Recoveries by strategy and decision',
    `${table}\n
  The most for one task: ${most}.
  Ends of steps that could not be stored, so that steps ran again (idempotent, allowed): ${findings.unrecordedEnds}.`,
  );
}

function latenciesOf({ evidence, faults, waits }: Outcome): string {
  const all = readLatencies(evidence);
  const outages = outagesIn(faults);
  const big = [...outages, ...faults.filter(f => f.kind === 'killAll')];
  const quiet = all.filter(
    l =>
      !big.some(
        f =>
          f.startedAt <= l.diedAt + l.ms && (f.endedAt ?? Infinity) >= l.diedAt,
      ),
  );
  const row = (
    name: string,
    some: Latency[],
    msOf = ({ ms }: Latency): number => ms,
  ) => {
    const ms = some.map(msOf);
    const p95 = percentile(ms, 0.95);
    return [
      name,
      some.length,
      seconds(percentile(ms, 0.5)),
      seconds(p95),
      seconds(percentile(ms, 1)),
      p95 !== undefined && p95 > SLOW_RECOVERY_SECONDS * 1000
        ? `<-- p95 above ${SLOW_RECOVERY_SECONDS} s`
        : '',
    ];
  };
  const attended = (l: Latency) => attendedMs(l, evidence.lifetimes);
  const forOthers = waits.filter(w => w.isForOthers);
  const forOwn = waits.filter(w => !w.isForOthers);
  const split = (name: string, some: Latency[]) => [
    row(name, some),
    row(
      '  to the next step',
      some.filter(l => l.end === 'step'),
    ),
    row(
      '  to the end of the task',
      some.filter(l => l.end === 'closed'),
    ),
  ];
  return section(
    'From the death of a process in the middle of a step to the next step of the task, or its end',
    formatTable(
      ['interruptions', 'count', 'p50', 'p95', 'max', 'mark'],
      [
        ...split('all', all),
        row(ATTENDED, all, attended),
        row(
          '  of which after SIGTERM',
          all.filter(l => l.isPlanned),
          attended,
        ),
        row(
          '  of which after SIGKILL or a crash',
          all.filter(l => !l.isPlanned),
          attended,
        ),
        row(
          '  of which waited for the last recovery of another task',
          all.filter(l => hasWaited(l, forOthers)),
          attended,
        ),
        row(
          '  of which waited for others before their own last recovery',
          all.filter(l => hasWaited(l, forOwn)),
          attended,
        ),
        row(
          '  of which did neither',
          all.filter(l => !hasWaited(l, waits)),
          attended,
        ),
        row(
          'all, less that and the time in which PostgreSQL was away',
          all,
          l => attendedMs(l, evidence.lifetimes, outages),
        ),
        ...split('no PostgreSQL restart or kill of all in it', quiet),
      ],
    ),
  );
}

/** When PostgreSQL was away. */
function outagesIn(faults: Fault[]): Fault[] {
  return [
    ...faults.filter(f => f.kind === 'postgres'),
    ...faults
      .filter(f => f.kind === 'postgresAtFiles' && f.hitAt !== undefined)
      .map(f => ({ ...f, startedAt: f.hitAt! })),
  ];
}

/** Ends without the module having closed the task: failures of the scaffolder itself, such as of a statement. */
function failuresOf({ evidence }: Outcome): string {
  const counts = new Map<string, number>();
  for (const { task, events, attempts } of readEpochs(evidence)) {
    const { strategy, status } = task;
    if (status === 'failed' && !isClosed(attempts)) {
      const end = events.findLast(e => e.type === 'completion');
      const message = (end?.error ?? end?.message ?? '(none)').split('\n')[0];
      const key = `${strategy}\t${shorten(message)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const rows = [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([key, count]) => [count, ...key.split('\t')]);
  return section(
    "Ends of tasks that failed without being closed by the module (the scaffolder's own failures, no violation)",
    rows.length === 0
      ? '  none'
      : formatTable(['count', 'strategy', 'message'], rows),
  );
}

/** What was asked, what happened, and what came of it. */
function retriesOf({ evidence }: Outcome): string {
  const { retries, tasks } = evidence;
  const epochs = readEpochs(evidence);
  const ends = epochs.filter(e => e.task.status === 'failed').length;
  const retried = epochs.filter(e => e.retry);
  const happened = retries.filter(r => r.at !== undefined);
  const count = (answer: string) => retries.filter(r => r.answer === answer);
  const asked = formatTable(
    ['retries', 'count', 'of which happened'],
    [
      ...(
        [
          ['answered', 'started'],
          ['refused', 'refused'],
          ['without an answer', 'none'],
        ] as const
      ).map(([name, answer]) => [
        name,
        count(answer).length,
        count(answer).filter(r => r.at !== undefined).length,
      ]),
      ['all', retries.length, happened.length],
    ],
  );
  const row = (name: string, strategy: string, some: Epoch[]) => [
    name,
    strategy,
    some.length,
    ...['restart', 'resume', 'finish'].map(
      d => some.filter(e => e.retryRecord?.decision === d).length,
    ),
    some.filter(e => !e.retryRecord).length,
    some.filter(e => e.attempts.length > 0).length,
    ...['completed', 'failed'].map(
      status => some.filter(e => e.task.status === status).length,
    ),
  ];
  const wasClosed = (taskId: string) =>
    isClosed(epochs.find(e => e.task.id === taskId)!.attempts);
  const became = formatTable(
    [
      'the task had been',
      'strategy',
      'retried',
      'restart',
      'resume',
      'finish',
      'not recorded',
      'interrupted again',
      'completed',
      'failed again',
    ],
    [
      ...['closed', 'failed otherwise'].flatMap((name, i) =>
        STRATEGIES.map(strategy =>
          row(
            name,
            strategy,
            retried.filter(
              ({ task }) =>
                task.strategy === strategy && wasClosed(task.id) === (i === 0),
            ),
          ),
        ),
      ),
      row('all', '', retried),
    ],
  );
  return section(
    'Retries of failed tasks',
    `${asked}\n\n${became}\n
  ${ends} ends of ${tasks.length} tasks were failures.`,
  );
}

function isClosed(attempts: AttemptRecord[]): boolean {
  return attempts.some(a => a.decision === 'failed');
}

/** Decisions on interruptions. A retry is decided on by whoever asks for it. */
export function onInterruptions({
  attempts,
}: Pick<Evidence, 'attempts'>): AttemptRecord[] {
  return attempts.filter(a => a.trigger === 'interruption');
}

function violationsOf({ findings, startedAt }: Outcome): string {
  const { violations } = findings;
  const kinds = Object.keys(VIOLATIONS) as ViolationKind[];
  const table = formatTable(
    ['violation', 'count'],
    [
      ...kinds.map(kind => [
        VIOLATIONS[kind],
        violations.filter(v => v.kind === kind).length,
      ]),
      ['all', violations.length],
    ],
  );
  const details = violations.map(
    v =>
      `  ${VIOLATIONS[v.kind]}\n    task ${v.taskId}\n    ${formatTimes(
        v.detail,
        startedAt,
      )}`,
  );
  return section(
    'Violations',
    [
      table,
      ...(details.length > 0
        ? [
            `  In detail, with times in seconds since ${new Date(
              startedAt,
            ).toISOString()}:`,
          ]
        : []),
      ...details,
    ].join('\n\n'),
  );
}

/** Milliseconds since 1970 as seconds since the start. Such numbers have 13 digits. */
function formatTimes(text: string, startedAt: number): string {
  return text.replace(
    /(?<![\w-])\d{13}(?![\w-])/g,
    ms => `${((Number(ms) - startedAt) / 1000).toFixed(3)} s`,
  );
}

/** What it has in common with others of its kind. */
function shorten(message: string): string {
  const general = message.replace(
    /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g,
    '<id>',
  );
  return general.length > 140
    ? `${general.slice(0, 60)} … ${general.slice(-75)}`
    : general;
}

function kindOf({ template }: TaskRecord): string {
  return template.replace(/^chaos-/, '').replace(/-\d$/, '');
}

function seconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${(ms / 1000).toFixed(1)} s`;
}

function section(title: string, body: string): string {
  return `${title}\n\n${body}`;
}

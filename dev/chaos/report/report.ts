import type { Lifetime } from '../../harness/backend/Replica';
import { Cell, formatTable } from '../../harness/command/table';
import { percentile } from '../../harness/percentile';
import { Evidence, Findings, groupByTask, readEpochs } from '../checks/checks';
import { Fault } from '../faults/FaultInjector';
import { FAULT_KINDS, FAULT_NAMES } from '../faults/faultPlan';
import { FILE_MOMENTS } from '../faults/FileMoments';
import { attendedMs, Latency, readLatencies } from './latencies';
import { AttemptRecord, TaskRecord } from '../evidence/records';
import {
  GRACEFUL_REPLICA,
  MAX_CONNECTIONS,
  REPLICAS,
  SLOW_RECOVERY_SECONDS,
  SMALL_POOL,
  STALE_TIMEOUT_HOURS,
  STEP_MS,
  TASKS_IN_FLIGHT,
  TIMEOUT_SECONDS,
} from '../settings';
import { STRATEGIES } from '../tasks/templates';
import { outagesIn } from '../evidence/unreachable';
import { VIOLATIONS, ViolationKind } from '../checks/violations';
import { hasWaited, Wait } from '../evidence/logLines';

const ENDS = ['completed', 'failed', 'cancelled'];
const CAUSES = ['silence', 'crash', 'shutdown', 'connection'];
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
  /** Dispatches that were refused or got no answer. */
  dispatchFailures: number;
  evidence: Evidence & { lifetimes: Lifetime[] };
  waits: Wait[];
  findings: Findings;
};

/** Everything that a stranger needs to judge a run. */
export function formatReport(outcome: Outcome): string {
  return [
    ['Settings', settingsOf(outcome)],
    ['Faults', faultsOf(outcome)],
    ['Backend processes', processesOf(outcome)],
    ['Tasks by strategy and final status', tasksOf(outcome)],
    ['Recoveries by strategy and decision', recoveriesOf(outcome)],
    ['Retries of failed tasks', retriesOf(outcome)],
    [
      'From the death of a process in the middle of a step to the next step of the task, or its end',
      latenciesOf(outcome),
    ],
    [
      "Ends of tasks that failed without being closed by the module (the scaffolder's own failures)",
      failuresOf(outcome),
    ],
    ['Violations', violationsOf(outcome)],
  ]
    .flat()
    .join('\n\n');
}

function settingsOf({ options, evidence, dispatchFailures }: Outcome): string {
  const { tasks, journal } = evidence;
  return formatTable(
    ['setting', 'value'],
    [
      ['seed', options.seed],
      ['faults injected for', `${options.minutes} minutes`],
      ['backends', `${REPLICAS.length}, one PostgreSQL`],
      ['of which with a graceful shutdown', GRACEFUL_REPLICA],
      ['recoverTasksTimeout', `${TIMEOUT_SECONDS} seconds`],
      ['staleTimeout', `${STALE_TIMEOUT_HOURS} hours`],
      [
        `connections of ${SMALL_POOL.replica} for the scaffolder`,
        SMALL_POOL.connections,
      ],
      ['connections of PostgreSQL', MAX_CONNECTIONS],
      ['tasks in flight', `up to ${TASKS_IN_FLIGHT}`],
      ['a step takes', `${STEP_MS.low} ms to ${STEP_MS.high / 1000} s`],
      ['tasks started', tasks.length],
      ['of which end their process', count(tasks, t => t.isPoisoned)],
      ['dispatches without an answer', dispatchFailures],
      ['steps begun', count(journal, e => e.kind === 'begin')],
    ],
  );
}

function faultsOf({ evidence: { faults } }: Outcome): string {
  const row = (name: string, some: Fault[]) => [
    name,
    some.length,
    count(some, f => f.during.length > 0),
    count(some, f => f.moment && f.hitAt === undefined),
  ];
  const table = formatTable(
    [
      ...['fault', 'count', 'of which during another fault'],
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
  const moments = formatTable(
    ['moment', 'backends hit'],
    FILE_MOMENTS.map(({ name }) => [
      name,
      count(faults, f => f.moment === name && f.hitAt !== undefined),
    ]),
  );
  return `${table}\n\n${moments}`;
}

function processesOf({ evidence: { lifetimes } }: Outcome): string {
  const row = (name: string, test: (life: Lifetime) => unknown) => [
    name,
    count(lifetimes, test),
  ];
  return formatTable(
    ['processes', 'count'],
    [
      row('started', () => true),
      row('became ready', l => l.readyAt),
      row(
        'ended by a fault before they were ready',
        l => l.endedBy && !l.readyAt,
      ),
      row(
        'ended by themselves, or not ready within a minute',
        l => l.endedByItself && !l.readyAt,
      ),
      row('ended by themselves after that', l => l.endedByItself && l.readyAt),
    ],
  );
}

function tasksOf({ evidence: { tasks } }: Outcome): string {
  const kindOf = ({ template }: TaskRecord) =>
    template.replace(/^chaos-/, '').replace(/-\d$/, '');
  const kinds = [...new Set(tasks.map(kindOf))].sort();
  const statuses = [...new Set([...ENDS, ...tasks.map(t => t.status)])];
  const row = (name: string, some: TaskRecord[]) => [
    name,
    ...statuses.map(s => count(some, t => t.status === s)),
    some.length,
  ];
  return formatTable(
    ['strategy', ...statuses, 'all'],
    [
      ...kinds.map(kind =>
        row(
          kind,
          tasks.filter(t => kindOf(t) === kind),
        ),
      ),
      row('all', tasks),
    ],
  );
}

function recoveriesOf({ evidence, findings }: Outcome): string {
  const attempts = onInterruptions(evidence);
  const strategyOf = new Map(evidence.tasks.map(t => [t.id, t.strategy]));
  const counts = [...groupByTask(attempts).values()].map(a => a.length);
  const table = formatTable(
    ['strategy', ...DECISIONS, 'all', ...CAUSES.map(c => `by ${c}`)],
    STRATEGIES.map(strategy => {
      const some = attempts.filter(a => strategyOf.get(a.taskId) === strategy);
      return [
        strategy,
        ...DECISIONS.map(d => count(some, a => a.decision === d)),
        some.length,
        ...CAUSES.map(c => count(some, a => a.interruptedBy === c)),
      ];
    }),
  );
  return `${table}\n
  The most for one task: ${Math.max(0, ...counts)}.
  Ends of steps that could not be stored, so that steps ran again (idempotent, allowed): ${findings.unrecordedEnds}.
  Tasks taken over from a process that was alive and could not show it for too long (allowed): ${findings.takenOver}.`;
}

/** What was asked, what happened, and what came of it. */
function retriesOf({ evidence }: Outcome): string {
  const { retries, tasks } = evidence;
  const epochs = readEpochs(evidence);
  const retried = epochs.filter(e => e.retry);
  const askedRow = (name: string, some = retries) => [
    name,
    some.length,
    count(some, r => r.at !== undefined),
  ];
  const answered = (answer: string) => retries.filter(r => r.answer === answer);
  const asked = formatTable(
    ['retries', 'count', 'of which happened'],
    [
      askedRow('answered', answered('started')),
      askedRow('refused', answered('refused')),
      askedRow('without an answer', answered('none')),
      askedRow('all'),
    ],
  );
  const row = (name: string, strategy: string, some = retried) => [
    name,
    strategy,
    some.length,
    ...['restart', 'resume', 'finish'].map(d =>
      count(some, e => e.retryRecord?.decision === d),
    ),
    count(some, e => !e.retryRecord),
    count(some, e => e.attempts.length > 0),
    ...['completed', 'failed'].map(status =>
      count(some, e => e.task.status === status),
    ),
  ];
  const wasClosed = (taskId: string) =>
    isClosed(epochs.find(e => e.task.id === taskId)!.attempts);
  const became = formatTable(
    [
      ...['the task had been', 'strategy', 'retried'],
      ...['restart', 'resume', 'finish', 'not recorded'],
      ...['interrupted again', 'completed', 'failed again'],
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
      row('all', ''),
    ],
  );
  const ends = count(epochs, e => e.task.status === 'failed');
  return `${asked}\n\n${became}\n
  ${ends} ends of ${tasks.length} tasks were failures.`;
}

function latenciesOf({ evidence, waits }: Outcome): string {
  const { faults } = evidence;
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
  ): Cell[] => {
    const ms = some.map(msOf);
    const p95 = percentile(ms, 0.95) ?? 0;
    return [
      name,
      some.length,
      ...[0.5, 0.95, 1].map(share => seconds(percentile(ms, share))),
      p95 > SLOW_RECOVERY_SECONDS * 1000
        ? `<-- p95 above ${SLOW_RECOVERY_SECONDS} s`
        : '',
    ];
  };
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
  const attended = (l: Latency) => attendedMs(l, evidence.lifetimes, faults);
  const ofWhich = (name: string, test: (l: Latency) => boolean) =>
    row(`  of which ${name}`, all.filter(test), attended);
  return formatTable(
    ['interruptions', 'count', 'p50', 'p95', 'max', 'mark'],
    [
      ...split('all', all),
      row(
        'all, less the time in which no backend was up and reached PostgreSQL',
        all,
        attended,
      ),
      ofWhich('after SIGTERM', l => l.isPlanned),
      ofWhich('after SIGKILL or a crash', l => !l.isPlanned),
      ofWhich('waited for a final attempt', l => hasWaited(l, waits)),
      ofWhich('did not', l => !hasWaited(l, waits)),
      row('all, less that and the time in which PostgreSQL was away', all, l =>
        attendedMs(l, evidence.lifetimes, faults, outages),
      ),
      ...split('no PostgreSQL restart or kill of all in it', quiet),
    ],
  );
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
    .map(([key, number]) => [number, ...key.split('\t')]);
  return rows.length === 0
    ? '  none'
    : formatTable(['count', 'strategy', 'message'], rows);
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
        count(violations, v => v.kind === kind),
      ]),
      ['all', violations.length],
    ],
  );
  const since = new Date(startedAt).toISOString();
  const details = violations.map(
    ({ kind, taskId, detail }) =>
      `  ${VIOLATIONS[kind]}\n    task ${taskId}\n    ${formatTimes(detail, startedAt)}`,
  );
  return [
    table,
    ...(details.length > 0
      ? [`  In detail, with times in seconds since ${since}:`]
      : []),
    ...details,
  ].join('\n\n');
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

function seconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${(ms / 1000).toFixed(1)} s`;
}

function count<T>(items: T[], test: (item: T) => unknown): number {
  return items.filter(test).length;
}

import { JournalEntry } from '../../harness/actions/journal';
import type { ProcessLife } from '../../harness/backend/Replica';

/** A step in one run. */
export type StepRun = {
  stepId: string;
  beganAt: number;
  /** Nothing if it did not get to its end. */
  endedAt?: number;
};

/** What became of one claim of a task, by the journals. Such in which no step began are not known. */
export type Run = {
  id: string;
  taskId: string;
  pid: number;
  /** The backend that its process was one of. Nothing if the process is not known. */
  replica?: string;
  processStartedAt?: number;
  /** In the order in which they began. */
  steps: StepRun[];
  beganAt: number;
  /**
   * Until when it was surely alive: the end of its process if a step had no end, otherwise the last end of a step.
   * Infinity if the process is not known to have ended.
   */
  aliveUntil: number;
  /** When its process ended in the middle of a step. */
  diedAt?: number;
};

/** All runs, by the id of the task, in the order in which they began. */
export function readRuns(
  journal: JournalEntry[],
  lifetimes: ProcessLife[],
): Map<string, Run[]> {
  const entriesOfRuns = new Map<string, JournalEntry[]>();
  for (const entry of journal) {
    // A run that was given two tasks would be a run of each.
    const key = `${entry.taskId} ${entry.runId}`;
    entriesOfRuns.set(key, [...(entriesOfRuns.get(key) ?? []), entry]);
  }
  const runs = [...entriesOfRuns.values()]
    .map(entries => readRun(entries, lifetimes))
    .sort((a, b) => a.beganAt - b.beganAt);
  const runsOfTasks = new Map<string, Run[]>();
  for (const run of runs) {
    runsOfTasks.set(run.taskId, [...(runsOfTasks.get(run.taskId) ?? []), run]);
  }
  return runsOfTasks;
}

function readRun(entries: JournalEntry[], lifetimes: ProcessLife[]): Run {
  const [first] = entries;
  const steps: StepRun[] = [];
  for (const { kind, stepId, at } of entries) {
    const open = steps.find(
      s => s.stepId === stepId && s.endedAt === undefined,
    );
    if (kind === 'begin') {
      steps.push({ stepId, beganAt: at });
    } else if (open) {
      open.endedAt = at;
    }
  }
  const life = lifetimes.find(
    ({ pid, startedAt, exitedAt: end = Infinity }) =>
      // An operating system may give a process id again.
      pid === first.pid && startedAt <= first.at && first.at <= end,
  );
  const exitedAt = life?.exitedAt ?? Infinity;
  const isOpen = steps.some(s => s.endedAt === undefined);
  return {
    id: first.runId,
    taskId: first.taskId,
    pid: first.pid,
    replica: life?.replica,
    processStartedAt: life?.startedAt,
    steps,
    beganAt: first.at,
    aliveUntil: isOpen ? exitedAt : entries.at(-1)!.at,
    diedAt: isOpen && exitedAt < Infinity ? exitedAt : undefined,
  };
}

/** A run as it is named in a violation. */
export function describe({ id, steps, aliveUntil, diedAt }: Run): string {
  const times = steps.map(
    s => `${s.stepId} ${s.beganAt} to ${s.endedAt ?? '?'}`,
  );
  const end = diedAt
    ? `its process died at ${diedAt}`
    : `alive until ${aliveUntil}`;
  return `run ${id} (${times.join(', ')}; ${end})`;
}

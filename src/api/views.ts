import { AttemptCount } from '../database/operations/attempts/summarizeAttempts';
import { Kept } from '../database/operations/snapshots/kept/readKept';
import { DbAttemptRow } from '../database/tables';
import { readTimestamp } from '../database/time';
import { parseNeeds } from '../decision/plan/snapshotNeeds';
import { TaskForecast } from '../record/Forecast';

/** A decision as the API shows it. */
export function attemptView(row: DbAttemptRow) {
  return {
    taskId: row.task_id,
    attempt: row.attempt,
    trigger: row.trigger,
    templateRef: row.template_ref ?? undefined,
    strategy: row.strategy ?? undefined,
    strategySource: row.strategy_source ?? undefined,
    decision: row.decision,
    reason: row.reason ?? undefined,
    interruptedBy: interruptedBy(row),
    knownBy: row.known_by ?? undefined,
    interruptedAt: row.interrupted_at ?? undefined,
    secondsSilent:
      row.seconds_silent === null
        ? undefined
        : Math.round(row.seconds_silent * 10) / 10,
    skippedSteps: JSON.parse(row.skipped_steps ?? '[]'),
    stepsAgain: JSON.parse(row.steps_again ?? '[]'),
    files: row.files === null ? undefined : JSON.parse(row.files),
    decidedAt: time(row.decided_at),
    claimedAt: time(row.claimed_at),
    resumedAt: time(row.resumed_at),
    endedAt: time(row.ended_at),
    outcome: row.outcome,
  };
}

/** In rows of earlier releases, anything but a shutdown was known by the silence alone. */
function interruptedBy(row: DbAttemptRow) {
  if (row.trigger === 'retry') {
    return undefined;
  }
  return row.interrupted_by ?? (row.planned ? 'shutdown' : 'silence');
}

/** What is kept of the files of a task, as the API shows it. */
export function workspaceView({ needs, keptUntil, ...sums }: Kept) {
  return {
    ...sums,
    stores: [...new Set(needs.flatMap(each => parseNeeds(each).stores))],
    keptUntil,
  };
}

/** What would happen to a running task, as the API shows it. */
export function forecastView({ decision, strategy, steps }: TaskForecast) {
  const plan = 'plan' in decision ? decision.plan : undefined;
  return {
    decision: decision.kind,
    strategy: strategy?.strategy,
    strategySource: strategy?.source,
    remark: plan?.warning ?? strategy?.remark ?? undefined,
    goesOnAt: plan?.goesOnAt,
    files: plan?.files,
    steps,
  };
}

/** The counts, and over which time they are. */
export function summaryView(
  counts: AttemptCount[],
  range: { decidedAfter: Date; decidedBefore: Date },
) {
  return {
    decidedAfter: range.decidedAfter.toISOString(),
    decidedBefore: range.decidedBefore.toISOString(),
    total: counts.reduce((sum, { count }) => sum + count, 0),
    counts: counts.map(({ strategy, ...count }) => ({
      strategy: strategy ?? undefined,
      ...count,
    })),
  };
}

function time(value: Date | string | null): string | undefined {
  return value === null ? undefined : readTimestamp(value).toISOString();
}

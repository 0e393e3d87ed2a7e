import { FinalDecision } from '../decision/decision';
import { StepAgain } from '../decision/plan/plan';
import { RunFiles } from '../decision/plan/runFiles';
import { Strategy, TaskStrategy } from '../decision/strategy';
import { TaskForecast } from '../record/Forecast';
import { InterruptedBy, KnownBy } from '../util/interruption';

/*
 * The values that the API shows and takes, as the document lists them. Typed so that a value which is added to a type cannot be left out.
 */

export const strategies = valuesOf<Strategy>({
  none: true,
  restart: true,
  idempotent: true,
});

export const strategySources = valuesOf<TaskStrategy['source']>({
  template: true,
  legacy: true,
  default: true,
  invalid: true,
  gone: true,
});

export const triggers = ['interruption', 'retry'] as const;

export const decisions = valuesOf<FinalDecision['kind']>({
  failed: true,
  cancelled: true,
  finish: true,
  restart: true,
  resume: true,
});

export const outcomes = [
  'waiting',
  'running',
  'completed',
  'failed',
  'cancelled',
  'interrupted',
  'withdrawn',
  'closed',
] as const;

export const causes = valuesOf<InterruptedBy>({
  silence: true,
  shutdown: true,
  crash: true,
  connection: true,
});

export const evidence = valuesOf<KnownBy>({ lock: true, pid: true });

export const filesKinds = valuesOf<RunFiles['kind']>({
  empty: true,
  snapshot: true,
  missing: true,
});

export const reasonsToRunAgain = valuesOf<StepAgain['because']['kind']>({
  restart: true,
  neededBy: true,
  afterFailed: true,
  sharedId: true,
  noOutput: true,
  filesLost: true,
  noSnapshot: true,
  invalidPlan: true,
});

export const stepForecasts = valuesOf<TaskForecast['steps'][number]['happens']>(
  { skipped: true, runsAgain: true, runs: true },
);

function valuesOf<T extends string>(values: Record<T, true>): T[] {
  return Object.keys(values) as T[];
}

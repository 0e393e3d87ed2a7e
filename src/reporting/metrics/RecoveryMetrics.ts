import {
  MetricsService,
  MetricsServiceCounter,
  MetricsServiceHistogram,
} from '@backstage/backend-plugin-api/alpha';
import { Resumption } from '../../database/operations/attempts/outcomes/recordResumptions';
import { WrittenDecision } from '../../record/decidedTask';
import { PassResult, RecoveryListener } from '../../record/RecoveryListener';

/** From a pass without work, of less than a millisecond, to one over thousands of tasks. */
const PASS_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** From the five seconds after a planned shutdown to a backend that was down overnight. */
const WAIT_BUCKETS = [5, 10, 15, 20, 30, 45, 60, 120, 300, 600, 3600, 43_200];

const COUNT_BUCKETS = [0, 1, 2, 5, 10, 20, 50, 100, 1000, 10_000];

/** Counts and times, for `scaffolder.task.count` and its like of the scaffolder to stand beside. `docs/metrics.md` lists them. */
export class RecoveryMetrics implements Partial<RecoveryListener> {
  readonly #decisions: MetricsServiceCounter;
  readonly #untilDecision: MetricsServiceHistogram;
  readonly #untilResumed: MetricsServiceHistogram;
  readonly #interrupted: MetricsServiceHistogram;
  readonly #passDuration: MetricsServiceHistogram;
  readonly #undecided: MetricsServiceCounter;
  readonly #renewed: MetricsServiceCounter;

  constructor(metrics: MetricsService) {
    this.#decisions = metrics.createCounter('scaffolder.recovery.count', {
      description: 'Total number of decisions on interrupted scaffolder tasks',
    });
    this.#untilDecision = metrics.createHistogram(
      'scaffolder.recovery.decision.duration',
      {
        description:
          'Time from the last heartbeat of an interrupted task to the decision on it',
        unit: 's',
        advice: { explicitBucketBoundaries: WAIT_BUCKETS },
      },
    );
    this.#untilResumed = metrics.createHistogram(
      'scaffolder.recovery.resumption.duration',
      {
        description:
          'Time from the last heartbeat of an interrupted task to the first step of its further run',
        unit: 's',
        advice: { explicitBucketBoundaries: WAIT_BUCKETS },
      },
    );
    this.#interrupted = metrics.createHistogram(
      'scaffolder.recovery.pass.interrupted',
      {
        description: 'Number of interrupted tasks that a pass found',
        unit: '{task}',
        advice: { explicitBucketBoundaries: COUNT_BUCKETS },
      },
    );
    this.#passDuration = metrics.createHistogram(
      'scaffolder.recovery.pass.duration',
      {
        description: 'Time taken by a pass over the interrupted tasks',
        unit: 's',
        advice: { explicitBucketBoundaries: PASS_BUCKETS },
      },
    );
    this.#undecided = metrics.createCounter('scaffolder.recovery.error.count', {
      description: 'Total number of times that deciding on a task failed',
    });
    this.#renewed = metrics.createCounter('scaffolder.recovery.renewed.count', {
      description:
        'Total number of heartbeats renewed for owned runs that had fallen behind',
    });
  }

  decided({ task, decision, strategy }: WrittenDecision): void {
    const attributes = {
      strategy: strategy?.strategy ?? 'unknown',
      decision: decision.kind,
      interruption: task.interruptedBy,
    };
    this.#decisions.add(1, {
      ...attributes,
      template: decision.templateRef ?? '',
    });
    this.#untilDecision.record(task.secondsSilent, attributes);
  }

  undecided(): void {
    this.#undecided.add(1);
  }

  resumed({ strategy, decision, secondsSinceHeartbeat }: Resumption): void {
    this.#untilResumed.record(secondsSinceHeartbeat, {
      strategy: strategy ?? 'unknown',
      decision,
    });
  }

  passed({ seconds, interrupted }: PassResult): void {
    const result = interrupted === undefined ? 'failed' : 'ok';
    this.#passDuration.record(seconds, { result });
    if (interrupted !== undefined) {
      this.#interrupted.record(interrupted);
    }
  }

  renewed(runs: number): void {
    if (runs > 0) {
      this.#renewed.add(runs);
    }
  }
}

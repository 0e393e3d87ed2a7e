import {
  MetricsService,
  MetricsServiceCounter,
  MetricsServiceHistogram,
} from '@backstage/backend-plugin-api/alpha';
import {
  SkipCause,
  SnapshotListener,
} from '../../workspace/snapshots/SnapshotListener';

/** From a workspace of a few files to one of gigabytes. */
const DURATION_BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** Times and sizes of snapshots of workspaces. `docs/metrics.md` lists them. */
export class SnapshotMetrics implements SnapshotListener {
  readonly #duration: MetricsServiceHistogram;
  readonly #stored: MetricsServiceCounter;
  readonly #skipped: MetricsServiceCounter;
  readonly #restored: MetricsServiceHistogram;

  constructor(metrics: MetricsService) {
    this.#duration = metrics.createHistogram(
      'scaffolder.recovery.snapshot.duration',
      {
        description: 'Time taken by a snapshot of the workspace after a step',
        unit: 's',
        advice: { explicitBucketBoundaries: DURATION_BUCKETS },
      },
    );
    this.#stored = metrics.createCounter('scaffolder.recovery.snapshot.size', {
      description: 'Total size of what snapshots added to their store',
      unit: 'By',
    });
    this.#skipped = metrics.createCounter(
      'scaffolder.recovery.snapshot.skipped.count',
      {
        description:
          'Total number of workspaces of which no snapshot could be made',
      },
    );
    this.#restored = metrics.createHistogram(
      'scaffolder.recovery.restore.duration',
      {
        description:
          'Time taken to put the files of a snapshot back into a workspace',
        unit: 's',
        advice: { explicitBucketBoundaries: DURATION_BUCKETS },
      },
    );
  }

  taken(seconds: number, storedBytes: number): void {
    this.#duration.record(seconds);
    this.#stored.add(storedBytes);
  }

  skipped(cause: SkipCause): void {
    this.#skipped.add(1, { cause });
  }

  restored(seconds: number, result: 'ok' | 'failed'): void {
    this.#restored.record(seconds, { result });
  }
}

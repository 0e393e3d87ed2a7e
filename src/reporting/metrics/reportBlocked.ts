import { MetricsService } from '@backstage/backend-plugin-api/alpha';

/**
 * A metric to make an alert of: 1 while something keeps the module from deciding, and 0 otherwise. Read whenever metrics are collected,
 * so that it is there from the start.
 */
export function reportBlocked(
  metrics: MetricsService,
  isBlocked: () => boolean,
): void {
  metrics
    .createObservableGauge('scaffolder.recovery.blocked', {
      description:
        'Whether something keeps the module from deciding on interrupted tasks: 1 if so, otherwise 0',
    })
    .addCallback(result => result.observe(isBlocked() ? 1 : 0));
}

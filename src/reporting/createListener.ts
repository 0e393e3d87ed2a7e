import { AuditorService, LoggerService } from '@backstage/backend-plugin-api';
import { MetricsService } from '@backstage/backend-plugin-api/alpha';
import { NotificationService } from '@backstage/plugin-notifications-node';
import { RecoveryConfig } from '../config';
import { combineListeners, RecoveryListener } from '../record/RecoveryListener';
import { AuditTrail } from './AuditTrail';
import { Notifier } from './Notifier';
import { RecoveryMetrics } from './metrics/RecoveryMetrics';

/** Reports what happens to the auditor, as metrics and, if that is configured, as notifications. */
export function createListener(options: {
  config: Pick<RecoveryConfig, 'notify'>;
  auditor: AuditorService;
  metrics: MetricsService;
  notifications: NotificationService;
  /** Ends what is still to come. */
  signal: AbortSignal;
  logger: LoggerService;
}): RecoveryListener {
  const { config, logger } = options;
  return combineListeners(
    [
      new AuditTrail(options),
      new RecoveryMetrics(options.metrics),
      ...(config.notify ? [new Notifier(options)] : []),
    ],
    logger,
  );
}

import { AuditorService, LoggerService } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import { WrittenDecision, isClosed } from '../record/decidedTask';
import { RecoveryListener } from '../record/RecoveryListener';

/** Audits decisions, as the scaffolder audits what it does with tasks (4.2.0): event `task`. */
export class AuditTrail implements Partial<RecoveryListener> {
  /** Those that could not be decided on. They are tried again every second, and audited once. */
  readonly #undecided = new Set<string>();

  constructor(
    private readonly options: {
      auditor: AuditorService;
      logger: LoggerService;
    },
  ) {}

  decided({
    task,
    decision,
    strategy,
    attempt,
    reason,
  }: WrittenDecision): void {
    this.#undecided.delete(task.id);
    this.#audit({
      taskId: task.id,
      templateRef: decision.templateRef,
      strategy: strategy?.strategy,
      decision: decision.kind,
      attempt,
      interruptedBy: task.interruptedBy,
      ...(task.knownBy && { knownBy: task.knownBy }),
      ...(isClosed(decision) && { reason }),
    });
  }

  undecided(taskId: string, error: Error): void {
    if (!this.#undecided.has(taskId)) {
      this.#undecided.add(taskId);
      this.#audit({ taskId }, error);
    }
  }

  #audit(meta: JsonObject, error?: Error): void {
    const { auditor, logger } = this.options;
    auditor
      .createEvent({
        eventId: 'task',
        // Events of a low severity do not show unless one asks for them.
        severityLevel: 'medium',
        meta: { actionType: 'recover', ...meta },
      })
      .then(event => (error ? event.fail({ error }) : event.success()))
      .catch(e =>
        logger.warn(
          `Task ${meta.taskId} was decided on and its audit event could not be created, ${e}`,
        ),
      );
  }
}

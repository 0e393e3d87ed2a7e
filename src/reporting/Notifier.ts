import { LoggerService } from '@backstage/backend-plugin-api';
import { NotificationService } from '@backstage/plugin-notifications-node';
import { setTimeout as sleep } from 'node:timers/promises';
import { CarriedOut, isClosed } from '../recovery/carryOut';
import { RecoveryListener } from '../recovery/RecoveryListener';

/** After a start, decisions are made before the notifications of the same backend can be reached. */
const RETRY_SECONDS = [2, 5, 10, 20, 40];

/** Tells the people who started tasks what became of them. */
export class Notifier implements Partial<RecoveryListener> {
  constructor(
    private readonly options: {
      notifications: NotificationService;
      logger: LoggerService;
      /** For tests. */
      retrySeconds?: number[];
    },
  ) {}

  decided(recovered: CarriedOut): void {
    const { task } = recovered;
    if (task.created_by) {
      this.#send(task.created_by, recovered).catch(error =>
        this.options.logger.warn(
          `Could not notify ${task.created_by} of the recovery of task ${task.id}, ${error}`,
        ),
      );
    }
  }

  async #send(
    entityRef: string,
    { task, decision, reason }: CarriedOut,
  ): Promise<void> {
    const { notifications, retrySeconds = RETRY_SECONDS } = this.options;
    const isClose = isClosed(decision);
    const name = decision.templateRef?.split('/').at(-1) ?? 'unknown template';
    for (let i = 0; ; i++) {
      try {
        await notifications.send({
          recipients: { type: 'entity', entityRef },
          payload: {
            title: `${name}: your task was interrupted and ${
              isClose ? 'closed' : 'goes on'
            }`,
            description: reason,
            link: `/create/tasks/${task.id}`,
            severity: isClose ? 'high' : 'normal',
            topic: 'scaffolder-recovery',
            // The later one about the same task takes the place of the earlier one.
            scope: `scaffolder-recovery:${task.id}`,
          },
        });
        return;
      } catch (error) {
        if (i === retrySeconds.length) {
          throw error;
        }
        await sleep(retrySeconds[i] * 1000, undefined, { ref: false });
      }
    }
  }
}

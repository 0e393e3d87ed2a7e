import { LoggerService } from '@backstage/backend-plugin-api';
import { NotificationSendOptions } from '@backstage/plugin-notifications-node';
import { setTimeout as sleep } from 'node:timers/promises';
import { WrittenDecision, isClosed } from '../record/decidedTask';
import { RecoveryListener } from '../record/RecoveryListener';
import { TIMED_OUT, withTimeout } from '../util/withTimeout';

/** After a start, decisions are made before the notifications of the same backend can be reached. */
const RETRY_SECONDS = [2, 5, 10, 20, 40];

/** One that takes longer counts as failed. */
const SEND_MS = 10_000;

/** More than that wait for nothing but a service that cannot be reached. */
const MOST_WAITING = 1_000;

type Notification = { taskId: string } & NotificationSendOptions;

/** Notifies those who started tasks of the decisions on them, one after the other. */
export class Notifier implements Partial<RecoveryListener> {
  readonly #waiting: Notification[] = [];
  #isSending = false;

  constructor(
    private readonly options: {
      notifications: {
        send(options: NotificationSendOptions): Promise<void>;
      };
      logger: LoggerService;
      /** Ends what is still to be tried. */
      signal?: AbortSignal;
      /** For tests. */
      retrySeconds?: number[];
    },
  ) {}

  decided(recovered: WrittenDecision): void {
    if (!recovered.task.created_by) {
      return;
    }
    if (this.#waiting.length >= MOST_WAITING) {
      this.options.logger.warn(
        `Task ${recovered.task.id} was recovered and nobody is notified of it, since ${MOST_WAITING} notifications wait to be sent`,
      );
      return;
    }
    this.#waiting.push(notificationOf(recovered.task.created_by, recovered));
    if (!this.#isSending) {
      this.#isSending = true;
      void this.#sendAll();
    }
  }

  async #sendAll(): Promise<void> {
    const { logger, signal, retrySeconds = RETRY_SECONDS } = this.options;
    let retries = 0;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const error = await this.#send(next);
      if (error && retries < retrySeconds.length) {
        const ms = retrySeconds[retries] * 1000;
        await sleep(ms, undefined, { ref: false, signal }).catch(() => {});
        if (signal?.aborted) {
          return;
        }
        retries += 1;
        continue;
      }
      if (error) {
        // The ones that follow are not tried again, unless one of them gets through.
        logger.warn(
          `Task ${next.taskId} was recovered and its notification could not be sent; scaffolder.recoverTasksNotify needs @backstage/plugin-notifications-backend, ${error}`,
        );
      } else {
        retries = 0;
      }
      this.#waiting.shift();
    }
    this.#isSending = false;
  }

  /** @returns the error if it failed. */
  async #send({ taskId, ...options }: Notification): Promise<unknown> {
    try {
      const sent = await withTimeout(
        SEND_MS,
        this.options.notifications.send(options),
      );
      if (sent === TIMED_OUT) {
        throw new Error(`No answer within ${SEND_MS} ms`);
      }
      return undefined;
    } catch (error) {
      return error;
    }
  }
}

/** Only what is sent is kept: the tasks are large, and may be many. */
function notificationOf(
  entityRef: string,
  { task, decision, reason }: WrittenDecision,
): Notification {
  const isClose = isClosed(decision);
  const name = decision.templateRef?.split('/').at(-1) ?? 'unknown template';
  return {
    taskId: task.id,
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
  };
}

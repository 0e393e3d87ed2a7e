import { LoggerService, SchedulerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { RecoveryPass } from './RecoveryPass';
import { safeError } from './safeError';
import { StrategyMemory } from './StrategyMemory';
import { Workspaces } from './Workspaces';

const FREQUENCY = { seconds: 5 };

/** Runs the passes: at the start of the process and regularly from then on. Ticks and logs; decides nothing. */
export class RecoveryRunner {
  #migrated = false;

  constructor(
    private readonly options: {
      migrate: () => Promise<void>;
      pass: RecoveryPass;
      memory: StrategyMemory;
      workspaces: Workspaces;
      scheduler: SchedulerService;
      events: EventsService;
      logger: LoggerService;
    },
  ) {}

  /**
   * To be called when the scaffolder's tables exist and its workers have not started: in a startup hook of the plugin.
   * Whatever fails in it, the later passes run.
   */
  async start(): Promise<void> {
    const { pass, memory, scheduler, logger } = this.options;
    await this.#subscribe().catch(error =>
      logger.error('Cannot listen to task events', safeError(error)),
    );
    await this.#tick('first recovery pass', () => pass.runAtStartup());
    await scheduler.scheduleTask({
      id: 'scaffolder-recovery:recover-interrupted-tasks',
      scope: 'local',
      frequency: FREQUENCY,
      initialDelay: FREQUENCY,
      timeout: { minutes: 5 },
      fn: () => this.#tick('recovery pass', () => pass.runOnce()),
    });
    // Apart from the passes: a catalog that hangs must not delay what can be decided without it.
    await scheduler.scheduleTask({
      id: 'scaffolder-recovery:remember-strategies',
      scope: 'local',
      frequency: FREQUENCY,
      initialDelay: { seconds: 2 },
      timeout: { minutes: 5 },
      fn: () =>
        this.#tick('look-up of recovery strategies', () =>
          memory.rememberMissing(),
        ),
    });
  }

  async #tick(what: string, action: () => Promise<unknown>): Promise<void> {
    const { migrate, logger } = this.options;
    try {
      if (!this.#migrated) {
        await migrate();
        this.#migrated = true;
      }
      await action();
    } catch (error) {
      logger.error(
        `The ${what} failed, the next one follows`,
        safeError(error),
      );
    }
  }

  /** The scaffolder's events are hints: what they miss is found by the passes. */
  async #subscribe(): Promise<void> {
    const { events, memory, workspaces, logger } = this.options;
    await events.subscribe({
      id: 'recovery',
      topics: ['scaffolder.task'],
      onEvent: async ({ eventPayload }) => {
        const { id, status } = eventPayload as {
          id?: unknown;
          status?: unknown;
        };
        if (typeof id !== 'string') {
          return;
        }
        if (status === 'processing') {
          // Published within the claim, before the run begins, and received at once: nothing may be awaited before this.
          workspaces.claimed(id);
        } else if (status === 'open') {
          await memory
            .remember(id)
            .catch(error =>
              logger.debug(
                `Recovery strategy of task ${id} not known yet`,
                error,
              ),
            );
        }
      },
    });
  }
}

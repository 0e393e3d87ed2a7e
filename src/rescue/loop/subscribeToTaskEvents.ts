import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { OwnedRuns } from '../../liveness/ownership/OwnedRuns';
import { AttemptTracker } from '../../record/AttemptTracker';
import { ScaffolderCheck } from '../../scaffolder/check/ScaffolderCheck';
import { ENDED } from '../../scaffolder/tables';
import { TASK_TOPIC } from '../../scaffolder/taskEvents';
import { StrategyMemory } from '../strategies/StrategyMemory';

/** Reacts to what the scaffolder announces of tasks. Its events are hints: what they miss is found by the passes. */
export async function subscribeToTaskEvents(options: {
  events: EventsService;
  memory: Pick<StrategyMemory, 'remember'>;
  tracker: Pick<AttemptTracker, 'ended'>;
  runs: Pick<OwnedRuns, 'ended'>;
  check: Pick<ScaffolderCheck, 'claimPublished'>;
  logger: LoggerService;
}): Promise<void> {
  const { events, memory, tracker, runs, check, logger } = options;
  await events.subscribe({
    id: 'recovery',
    topics: [TASK_TOPIC],
    onEvent: async ({ eventPayload }) => {
      const { id, status, taskId } = eventPayload as Record<string, unknown>;
      // With a task's id beside it, the id is that of an event, on PostgreSQL a string as well.
      if (typeof id !== 'string' || taskId !== undefined) {
        return;
      }
      if (ENDED.includes(String(status))) {
        tracker.ended();
        await runs
          .ended(id)
          .catch(error =>
            logger.debug(
              `The attempts of task ${id} still count against its limit`,
              error,
            ),
          );
      } else if (status === 'processing') {
        // It may be another process's claim, see `watchClaims`.
        check.claimPublished(id);
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

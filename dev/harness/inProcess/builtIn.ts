import { LoggerService } from '@backstage/backend-plugin-api';
import { DefaultEventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { requireScaffolder } from './requireScaffolder';

/** What the scaffolder does by itself, 4.2.0. */
type BuiltIn = {
  /** Its recovery, which each process with workers runs every ten seconds. */
  recoverTasks(options: {
    timeout: { seconds: number };
  }): Promise<{ ids: string[] }>;
  /** The heartbeat of a running task, once a second. */
  heartbeatTask(taskId: string): Promise<void>;
  /** Claims an open task, if there is one. */
  claimTask(): Promise<{ id: string } | undefined>;
};

/** Makes the scaffolder's task store. */
export async function createBuiltIn(
  knex: Knex,
  logger: LoggerService,
): Promise<BuiltIn> {
  const { DatabaseTaskStore } = requireScaffolder(
    'tasks/DatabaseTaskStore.cjs.js',
  );
  return DatabaseTaskStore.create({
    database: knex,
    events: DefaultEventsService.create({ logger }),
    recoverTasksEnabled: true,
  });
}

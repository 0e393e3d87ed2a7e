import { Knex } from 'knex';

/** The table of `@backstage/plugin-scaffolder-backend-module-workspace-database` 0.1.0, one row for each task with files. */
const STORED_WORKSPACES = 'scaffolder_task_workspaces';

/**
 * Removes what the scaffolder's workspace provider `database` has stored of tasks that are to begin in an empty workspace. It would lay
 * the files of the earlier run into it.
 */
export async function forgetStoredWorkspaces(
  knex: Knex | Knex.Transaction,
  taskIds: string[],
): Promise<void> {
  // Another provider may go by the same name.
  if (taskIds.length > 0 && (await knex.schema.hasTable(STORED_WORKSPACES))) {
    await knex(STORED_WORKSPACES).whereIn('task_id', taskIds).delete();
  }
}

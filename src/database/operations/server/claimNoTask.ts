import { Knex } from 'knex';
import { TASKS } from '../../../scaffolder/tables';

/**
 * Claims a task that does not exist, with the statement by which the scaffolder claims one (`claimTask`, 4.2.0).
 *
 * @param claim.onStatement - gets the statement before it is sent
 */
export async function claimNoTask(
  knex: Knex,
  claim: {
    taskId: string;
    onStatement: (builder: Knex.QueryBuilder) => void;
  },
): Promise<void> {
  await knex.transaction(async tx => {
    const statement = tx(TASKS).where({ id: claim.taskId, status: 'open' });
    claim.onStatement(statement);
    await statement.update({
      status: 'processing',
      last_heartbeat_at: knex.fn.now(),
      secrets: null,
    });
  });
}

import { Knex } from 'knex';
import { CLAIMS, DbClaimRow } from '../../tables';

/** A process that claimed a task. */
export type Claim = {
  taskId: string;
  /** The number of the process. */
  process: number;
  /** The last `recovered` event of the task before this run, 0 if there was none. */
  recoveredEvent: number;
};

/** Records which process claimed which tasks. It has no effect on those that were queued and claimed again since. */
export async function saveClaims(knex: Knex, claims: Claim[]): Promise<void> {
  if (claims.length === 0) {
    return;
  }
  await knex<DbClaimRow>(CLAIMS)
    .insert(
      claims.map(({ taskId, process, recoveredEvent }) => ({
        task_id: taskId,
        process,
        recovered_event: recoveredEvent,
      })),
    )
    .onConflict('task_id')
    .merge()
    // A process that comes late has an older run.
    .whereRaw(`${CLAIMS}.recovered_event <= excluded.recovered_event`);
}

/** Withdraws a claim that came to nothing, unless another process has claimed the task since. */
export async function deleteClaim(knex: Knex, claim: Claim): Promise<void> {
  await knex<DbClaimRow>(CLAIMS)
    .where({
      task_id: claim.taskId,
      process: claim.process,
      recovered_event: claim.recoveredEvent,
    })
    .delete();
}

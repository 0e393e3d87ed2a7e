import { Knex } from 'knex';
import { FINAL_ATTEMPT_LOCK } from '../../../dialect/advisoryLocks';
import { ATTEMPTS } from '../../../tables';
import { TASKS } from '../../../../scaffolder/tables';
import { isSqlite } from '../../../time';
import { Ongoing, ongoingAttempts } from './ongoingAttempts';

/**
 * The tasks whose isolated final attempt is ongoing, with how many of their steps had finished before it. Nobody else can ask this until the
 * transaction ends.
 */
export async function listFinalAttempts(
  tx: Knex.Transaction,
  ongoing: Ongoing,
): Promise<{ taskId: string; finishedSteps: number }[]> {
  if (!isSqlite(tx)) {
    // Waited for, unlike the lock of `nudgeWorker`: the transaction has decided on a batch by now, and without the answer it could
    // not decide which of these tasks have to wait. Those that hold it write what they decided and end.
    await tx.raw('select pg_advisory_xact_lock(?)', FINAL_ATTEMPT_LOCK);
  }
  return ongoingAttempts(tx, ongoing)
    .where(`${ATTEMPTS}.last_chance`, true)
    .select({
      taskId: `${TASKS}.id`,
      finishedSteps: `${ATTEMPTS}.finished_steps`,
    });
}

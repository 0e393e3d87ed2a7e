import { Knex } from 'knex';
import { DbSnapshotRow, SNAPSHOTS } from '../../tables';

/** Records that the content of a snapshot cannot be restored, so that no run is planned to begin with it any more. */
export async function markDamaged(
  knex: Knex,
  snapshot: { taskId: string; number: number; problem: string },
): Promise<void> {
  const { taskId, number, problem } = snapshot;
  await knex<DbSnapshotRow>(SNAPSHOTS)
    .where({ task_id: taskId, number })
    .update({ missing: problem });
}

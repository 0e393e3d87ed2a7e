import { Knex } from 'knex';
import { MANIFESTS, SNAPSHOTS } from '../../../tables';

/** Deletes all snapshots of a task. Their packs are left to the store that has them. */
export async function deleteSnapshots(
  tx: Knex.Transaction,
  taskId: string,
): Promise<void> {
  // The rows first: without one, a snapshot that is being taken elsewhere is refused.
  await tx(SNAPSHOTS).where('task_id', taskId).delete();
  await tx(MANIFESTS).where('task_id', taskId).delete();
}

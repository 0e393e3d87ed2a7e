import { Knex } from 'knex';
import { MANIFESTS, SNAPSHOTS } from '../../../tables';

/** Deletes all snapshots of some tasks. Their packs are left to the store that has them. */
export async function deleteSnapshots(
  tx: Knex.Transaction,
  taskIds: string[],
): Promise<void> {
  // The rows first: without one, a snapshot that is being taken elsewhere is refused.
  await tx(SNAPSHOTS).whereIn('task_id', taskIds).delete();
  await tx(MANIFESTS).whereIn('task_id', taskIds).delete();
}

import { Knex } from 'knex';
import { DbSnapshotRow, MANIFESTS, SNAPSHOTS } from '../../tables';

/** What has to be known of a snapshot to find its content. */
export type SnapshotLink = Pick<
  DbSnapshotRow,
  'number' | 'kind' | 'base' | 'missing'
> & { hasManifest: boolean };

/** All snapshots of a task up to a number. */
export async function listSnapshots(
  knex: Knex,
  options: { taskId: string; upTo: number },
): Promise<SnapshotLink[]> {
  const { taskId, upTo } = options;
  const rows = await knex<DbSnapshotRow>(SNAPSHOTS)
    .where('task_id', taskId)
    .where('number', '<=', upTo)
    .select('number', 'kind', 'base', 'missing');
  const stored = await knex(MANIFESTS)
    .where({ task_id: taskId, part: 0 })
    .pluck('number');
  const numbers = new Set(stored.map(Number));
  return rows.map(row => ({ ...row, hasManifest: numbers.has(row.number) }));
}

import { Knex } from 'knex';
import { DbSnapshotRow, MANIFESTS, SNAPSHOTS } from '../../tables';

/** What has to be known of a snapshot to find its content. */
export type SnapshotLink = Pick<
  DbSnapshotRow,
  'number' | 'kind' | 'base' | 'missing'
> & {
  /** The first bytes of its manifest, null if it has none. */
  manifestHead: Buffer | null;
};

/** How many bytes tell what kind of manifest it is. */
const HEAD_BYTES = 2;

/** All snapshots of a task up to a number. */
export async function listSnapshots(
  knex: Knex,
  options: { taskId: string; upTo: number },
): Promise<SnapshotLink[]> {
  return knex(SNAPSHOTS)
    .leftJoin(MANIFESTS, join =>
      join
        .on(`${MANIFESTS}.task_id`, `${SNAPSHOTS}.task_id`)
        .on(`${MANIFESTS}.number`, `${SNAPSHOTS}.number`)
        .onVal('part', 0),
    )
    .where(`${SNAPSHOTS}.task_id`, options.taskId)
    .where(`${SNAPSHOTS}.number`, '<=', options.upTo)
    .select(`${SNAPSHOTS}.number`, 'kind', 'base', 'missing', {
      manifestHead: knex.raw('substr(content, 1, ?)', HEAD_BYTES),
    });
}

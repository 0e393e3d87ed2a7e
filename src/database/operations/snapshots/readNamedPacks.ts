import { Knex } from 'knex';
import { DbSnapshotRow, SNAPSHOTS } from '../../tables';

/**
 * The ids of all packs that snapshots of a task have added.
 *
 * @param newest - the newest row of the task, as far as is known
 * @returns nothing if another row is the newest one, or of some snapshot it is not known what it added.
 */
export async function readNamedPacks(
  knex: Knex,
  { taskId, newest }: { taskId: string; newest: number },
): Promise<Set<string> | undefined> {
  const rows = await knex<DbSnapshotRow>(SNAPSHOTS)
    .where('task_id', taskId)
    .select('number', 'kind', 'packs');
  const isNewest = rows.every(({ number }) => number <= newest);
  const areKnown = rows.every(
    ({ kind, packs }) => kind === 'begin' || packs !== null,
  );
  return isNewest && areKnown
    ? new Set(rows.flatMap(({ packs }) => JSON.parse(packs ?? '[]')))
    : undefined;
}

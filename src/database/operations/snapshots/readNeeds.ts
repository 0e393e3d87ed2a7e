import { Knex } from 'knex';
import { DbSnapshotRow, SNAPSHOTS } from '../../tables';

/** What is recorded of how the content of a snapshot is read, see `parseNeeds`. Nothing if there is no such snapshot. */
export async function readNeeds(
  knex: Knex,
  snapshot: { taskId: string; number: number },
): Promise<{ needs: string | null } | undefined> {
  return knex<DbSnapshotRow>(SNAPSHOTS)
    .where({ task_id: snapshot.taskId, number: snapshot.number })
    .first('needs');
}

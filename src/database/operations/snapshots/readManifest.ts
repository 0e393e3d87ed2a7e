import { Knex } from 'knex';
import { MANIFESTS } from '../../tables';

/** The parts of the manifest of a snapshot, in order. Each of them is of its own memory. */
export async function readManifest(
  knex: Knex,
  manifest: { taskId: string; number: number },
): Promise<Buffer[]> {
  return knex(MANIFESTS)
    .where({ task_id: manifest.taskId, number: manifest.number })
    .orderBy('part')
    .pluck('content');
}

import { Knex } from 'knex';
import { MANIFESTS } from '../../../tables';

/**
 * Stores the manifest of a snapshot, in the transaction of the snapshot's row.
 *
 * @param manifest.parts - are asked for one after another, each once the one before it is stored
 */
export async function insertManifest(
  tx: Knex.Transaction,
  manifest: { taskId: string; number: number; parts: Iterable<Buffer> },
): Promise<void> {
  // One by one: a statement is held in memory several times over.
  let part = 0;
  for (const content of manifest.parts) {
    await tx(MANIFESTS).insert({
      task_id: manifest.taskId,
      number: manifest.number,
      part,
      content,
    });
    part += 1;
  }
}

import { Knex } from 'knex';
import { MANIFESTS } from '../../../tables';

/** Stores the manifest of a snapshot, in the transaction of the snapshot's row. */
export async function insertManifest(
  tx: Knex.Transaction,
  manifest: { taskId: string; number: number; parts: Buffer[] },
): Promise<void> {
  // One by one: a statement is held in memory several times over.
  for (const [part, content] of manifest.parts.entries()) {
    await tx(MANIFESTS).insert({
      task_id: manifest.taskId,
      number: manifest.number,
      part,
      content,
    });
  }
}

import { Knex } from 'knex';
import { DbManifestRow, MANIFESTS } from '../../../tables';

/**
 * The manifests of some snapshots of a task, in one statement: the parts of each in order, by the number of the snapshot. Each part has
 * memory of its own.
 */
export async function readManifests(
  knex: Knex,
  options: { taskId: string; numbers: number[] },
): Promise<Map<number, Buffer[]>> {
  const rows = await knex<DbManifestRow>(MANIFESTS)
    .where('task_id', options.taskId)
    .whereIn('number', options.numbers)
    .orderBy(['number', 'part'])
    .select('content', 'number');
  const parts = new Map<number, Buffer[]>();
  for (const { number, content } of rows) {
    parts.set(number, [...(parts.get(number) ?? []), content]);
  }
  return parts;
}

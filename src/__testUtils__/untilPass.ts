import { Knex } from 'knex';
import { waitFor } from '../../dev/harness/waitFor';
import { insertTask, readTask } from './scaffolderDatabase';

/** A task that was silent for so long is closed by whichever pass comes first. */
const TOO_OLD_SECONDS = 25 * 3600;

/** Waits until some backend has made a pass that began after now, in which it decided on all that is interrupted. */
export async function untilPass(knex: Knex): Promise<void> {
  const id = await insertTask(knex, { silentSeconds: TOO_OLD_SECONDS });
  await waitFor(
    'a pass',
    async () => (await readTask(knex, id)).status === 'failed',
  );
  // Nobody is to count it among the tasks of the test.
  await knex('tasks').where({ id }).delete();
}

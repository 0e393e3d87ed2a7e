import { Knex } from 'knex';
import {
  FencingToken,
  readFencingToken,
} from '../../database/operations/runs/readFencingToken';
import { isSqlite } from '../../database/time';

/**
 * How long a read may take. Nobody decides on a task before it was silent for five seconds, which is longer than this and the second that
 * `readFencingToken` allows.
 */
const READ_MS = 3_000;

const READS = 3;

/**
 * Reads the fencing token of a run, also long after its claim: the process may have been stopped, or had no connection, while others
 * reclaimed the task. What is younger than the claim is theirs, and is left out.
 *
 * @param claim.claimedAt - when the claim was seen, by the clock
 * @param clock - milliseconds that pass evenly
 * @throws what the database says, or that it is too slow to tell.
 */
export async function readTokenOfClaim(
  knex: Knex,
  { taskId, claimedAt }: { taskId: string; claimedAt: number },
  clock: () => number,
): Promise<FencingToken> {
  if (isSqlite(knex)) {
    // Its timestamps have whole seconds. And there is one process, so nobody reclaims the task meanwhile.
    return readFencingToken(knex, taskId);
  }
  for (let reads = 0; reads < READS; reads++) {
    const begin = clock();
    const secondsAgo = (begin - claimedAt) / 1000;
    const token = await readFencingToken(knex, taskId, secondsAgo);
    // If it was sent late, the claim was longer ago than it says.
    if (clock() - begin <= READ_MS) {
      return token;
    }
  }
  throw new Error(
    `The database is too slow to tell what there was before the run of task ${taskId}`,
  );
}

import { Knex } from 'knex';
import { IN_FLIGHT, TASKS } from '../../../scaffolder/tables';
import { epochSeconds, silentForAtLeast } from '../../time';
import { isOrphanCandidate, isSilent } from '../interrupted/interrupted';

/** How many of the tasks that have not ended may need something. */
type InFlightCounts = {
  /** Running, and silent for long enough to be interrupted. */
  silent: number;
  /** Running, silent for a moment, and claimed by another process, which may be dead. On SQLite they need not be silent. */
  orphanCandidates: number;
  /** Open for so long that their workers may be asleep. */
  waiting: number;
  /** Running, with their secrets kept. */
  withSecrets: number;
  /** The time of the database, in seconds since 1970. */
  databaseSeconds: number;
};

/**
 * Asks for work in one statement: most passes find none, and end here. It reads the tasks in flight by their index,
 * however many have ended.
 */
export async function countInFlight(
  knex: Knex,
  options: {
    timeoutSeconds: number;
    waitingSeconds: number;
    /** The number of this process. Nothing if it has none yet. */
    process?: number;
  },
): Promise<InFlightCounts> {
  const { waitingSeconds, process } = options;
  const count = (condition: string, silent?: Knex.Raw) =>
    silent
      ? knex.raw(`count(*) filter (where ${condition} and ?)`, silent)
      : knex.raw(`count(*) filter (where ${condition})`);
  const row = await knex(TASKS)
    .whereRaw(IN_FLIGHT)
    .first({
      silent: count(`status = 'processing'`, isSilent(knex, options)),
      orphan_candidates: count(
        `status = 'processing'`,
        isOrphanCandidate(knex, process),
      ),
      waiting: count(`status = 'open'`, silentForAtLeast(knex, waitingSeconds)),
      with_secrets: count(`status = 'processing' and secrets is not null`),
      database_seconds: epochSeconds(knex),
    });
  return {
    silent: Number(row.silent),
    orphanCandidates: Number(row.orphan_candidates),
    waiting: Number(row.waiting),
    withSecrets: Number(row.with_secrets),
    databaseSeconds: Number(row.database_seconds),
  };
}

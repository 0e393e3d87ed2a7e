import { Knex } from 'knex';
import { NUDGE_LOCK } from '../../dialect/advisoryLocks';
import { shortTransaction } from '../../dialect/shortTransaction';
import { NUDGES } from '../../tables';
import { IN_FLIGHT, TASKS } from '../../../scaffolder/tables';
import {
  heartbeatStaleIn,
  isSqlite,
  secondsAgo,
  silentForAtLeast,
} from '../../time';

/**
 * Hands over the oldest open task that nobody has claimed, so that the scaffolder's own recovery opens it again and with
 * that wakes a worker. Workers sleep until their own process wakes them, whatever is open.
 *
 * At most one for each interval in the whole cluster, and only a task that a worker can read: one whose spec is not valid JSON
 * would make the scaffolder's recovery fail. A process that finds another one at it leaves it to that one.
 *
 * @returns its id, if there is one.
 */
export async function nudgeWorker(
  knex: Knex,
  options: {
    waitingSeconds: number;
    intervalSeconds: number;
    staleTimeoutSeconds: number;
    /** After how long the scaffolder's recovery may open it. Asked at the last moment. */
    delaySeconds: () => number;
    isReadable: (row: { spec: string; state: string | null }) => boolean;
  },
): Promise<string | undefined> {
  const { waitingSeconds, intervalSeconds, staleTimeoutSeconds } = options;
  return shortTransaction(knex, async tx => {
    if (!isSqlite(tx)) {
      // Not waited for: each process that does would keep one of its connections from its heartbeats, and then find nothing to do.
      const { rows } = await tx.raw(
        'select pg_try_advisory_xact_lock(?) as locked',
        NUDGE_LOCK,
      );
      if (!rows[0].locked) {
        return undefined;
      }
    }
    const recent = await tx(NUDGES)
      .where('woken_at', '>', secondsAgo(tx, intervalSeconds))
      .first('task_id');
    if (recent) {
      return undefined;
    }

    const waiting = tx(TASKS)
      .where('status', 'open')
      .whereRaw(IN_FLIGHT)
      .whereRaw(silentForAtLeast(tx, waitingSeconds))
      .orderByRaw('coalesce(last_heartbeat_at, created_at)')
      .limit(10)
      .select('id', 'spec', 'state');
    if (!isSqlite(tx)) {
      waiting.forUpdate().skipLocked();
    }
    const oldest = (await waiting).find(options.isReadable);
    if (!oldest) {
      return undefined;
    }
    const updated = await tx(TASKS)
      .where({ id: oldest.id, status: 'open' })
      .update({
        status: 'processing',
        last_heartbeat_at: heartbeatStaleIn(
          tx,
          staleTimeoutSeconds,
          options.delaySeconds(),
        ),
      });
    if (updated !== 1) {
      return undefined;
    }
    await tx(NUDGES)
      .insert({ task_id: oldest.id, woken_at: tx.fn.now() })
      .onConflict('task_id')
      .merge();
    return oldest.id;
  });
}

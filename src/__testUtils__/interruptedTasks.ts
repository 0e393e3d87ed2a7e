import { Knex } from 'knex';
import { recordAttempts } from '../database/operations/attempts/recordAttempts';
import { listInterruptedTasks } from '../database/operations/interrupted/listInterruptedTasks';
import { updateInterruptedTasks } from '../database/operations/interrupted/updateInterruptedTasks';
import { listHandedOverTasks } from '../database/operations/waiting/listHandedOverTasks';
import { readTimestamp, secondsAgo } from '../database/time';
import { TASKS } from '../scaffolder/tables';
import { newAttempt, readLastAttempt } from './scaffolderDatabase';

/** With these, a task of `insertTask` is interrupted, and not too old to run again. */
export const TIMEOUTS = { timeoutSeconds: 30, taskTimeoutSeconds: 24 * 3600 };

/** The scaffolder's poll opens what was silent for so long. */
export const STALE_TIMEOUT_SECONDS = 3600;

/** More than any test has. */
export const PAGE = { limit: 100 };

export async function idsOf(tasks: Promise<{ id: string }[]>) {
  return (await tasks).map(task => task.id);
}

export function listInterrupted(
  knex: Knex,
  timeoutSeconds = TIMEOUTS.timeoutSeconds,
): Promise<string[]> {
  const timeouts = { ...TIMEOUTS, timeoutSeconds };
  return idsOf(listInterruptedTasks(knex, timeouts, PAGE));
}

export function listHandedOver(knex: Knex): Promise<string[]> {
  return idsOf(listHandedOverTasks(knex, TIMEOUTS, PAGE));
}

/** Hands an interrupted task over, as the module's decision does. */
export function handOver(knex: Knex, taskId: string): Promise<void> {
  return knex.transaction(async tx => {
    await updateInterruptedTasks(
      tx,
      { taskIds: [taskId], ...TIMEOUTS },
      { kind: 'handOver', staleTimeoutSeconds: STALE_TIMEOUT_SECONDS },
    );
    const last = await readLastAttempt(tx, taskId);
    await recordAttempts(tx, [
      newAttempt({
        taskId,
        attempt: (last?.attempt ?? 0) + 1,
        decision: 'resume',
        strategy: 'idempotent',
      }),
    ]);
  });
}

/** As the worker that runs the task does. */
export async function beat(knex: Knex, taskId: string): Promise<void> {
  await knex(TASKS)
    .where({ id: taskId })
    .update({ last_heartbeat_at: knex.fn.now() });
}

/** The tasks that the scaffolder's poll opens now, by the condition of `recoverTasks` in its DatabaseTaskStore. */
export async function listStale(
  knex: Knex,
  staleTimeoutSeconds = STALE_TIMEOUT_SECONDS,
): Promise<string[]> {
  return knex(TASKS)
    .where('last_heartbeat_at', '<=', secondsAgo(knex, staleTimeoutSeconds))
    .pluck('id');
}

/**
 * How many seconds later than the first of them the scaffolder's poll may open each silent task, to a tenth. By their heartbeats alone,
 * so that it does not matter when they are read.
 */
export async function readDelays(knex: Knex): Promise<Map<string, number>> {
  const rows = await knex(TASKS)
    .where('last_heartbeat_at', '<=', secondsAgo(knex, 60))
    .select('id', 'last_heartbeat_at');
  const heartbeats = rows.map(row =>
    readTimestamp(row.last_heartbeat_at).getTime(),
  );
  const first = Math.min(...heartbeats);
  return new Map(
    rows.map((row, i) => [
      row.id,
      Math.round((heartbeats[i] - first) / 100) / 10,
    ]),
  );
}

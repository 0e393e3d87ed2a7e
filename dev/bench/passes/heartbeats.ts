import { LoggerService } from '@backstage/backend-plugin-api';
import { TASKS } from '../../../src/scaffolder/tables';
import { waitFor } from '../../harness/waitFor';
import { createBuiltIn } from '../../harness/inProcess/builtIn';
import { Databases, settle } from '../Databases';
import { fillFinished, fillRunning } from '../tasks/fill';
import { Report } from '../report';

const FINISHED = 30_000;
const RUNNING = 30;
const BEATS = 20_000;
const MAX_POINTS = 2;

/**
 * The share of heartbeats that PostgreSQL can write without touching an index (heap-only, HOT). An index on a column that
 * heartbeats change would take it away, and leave a dead entry in each index every second for each running task.
 */
export async function measureHeartbeats(
  databases: Databases,
  logger: LoggerService,
): Promise<Report> {
  const filled = await databases.create('filled');
  await fillFinished(filled, FINISHED);
  await fillRunning(filled, RUNNING);
  await databases.copy('filled', 'without_index');
  await databases.copyWithModule('filled', 'with_index');
  const without = await hotPercentage(databases, 'without_index', logger);
  const withIndex = await hotPercentage(databases, 'with_index', logger);
  await databases.drop('filled', 'without_index', 'with_index');

  const points = Math.abs(without - withIndex);
  return {
    title: '(c) Heartbeats that touch no index',
    notes: [
      `The share of heap-only (HOT) updates among ${BEATS} heartbeats of ${RUNNING} running tasks beside ${FINISHED} finished ones.`,
    ],
    compared: ['with index', 'without'],
    rows: [
      {
        what: 'heap-only heartbeats',
        module: `${withIndex.toFixed(2)} %`,
        builtIn: `${without.toFixed(2)} %`,
        ratio: (withIndex / without).toFixed(3),
        accepted: `less than ${MAX_POINTS} points apart`,
        ok: points < MAX_POINTS,
      },
    ],
  };
}

async function hotPercentage(
  databases: Databases,
  name: string,
  logger: LoggerService,
): Promise<number> {
  const knex = databases.open(name);
  await settle(knex);
  const builtIn = await createBuiltIn(knex, logger);
  const taskIds = await knex(TASKS).where('status', 'processing').pluck('id');
  for (let i = 0; i < BEATS; i++) {
    await builtIn.heartbeatTask(taskIds[i % taskIds.length]);
  }
  // A connection hands in what it counted when it ends.
  await databases.close(name);

  const reader = databases.open(name);
  return waitFor('the statistics of all heartbeats', async () => {
    const { rows } = await reader.raw(
      `select n_tup_upd::int as updates, n_tup_hot_upd::int as hot
       from pg_stat_user_tables where relname = ?`,
      [TASKS],
    );
    const [{ updates, hot }] = rows;
    return updates >= BEATS && (hot / updates) * 100;
  });
}

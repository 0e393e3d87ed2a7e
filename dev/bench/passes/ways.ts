import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { batchesAtOnce } from '../../../src/rescue/batch/batchesAtOnce';
import { createBuiltIn } from '../../harness/inProcess/builtIn';
import {
  createPass,
  TIMEOUT_SECONDS,
} from '../../harness/inProcess/createPass';

/** The ways to queue interrupted tasks again: two of the module, and the scaffolder's own. */
export const WAYS = ['open', 'handOver', 'built-in'] as const;
export type Way = (typeof WAYS)[number];

/** Prepares one way to recover tasks. What it returns recovers them all, and tells how many. */
export async function prepareRecovery(
  way: Way,
  knex: Knex,
  logger: LoggerService,
): Promise<() => Promise<number>> {
  if (way === 'built-in') {
    const builtIn = await createBuiltIn(knex, logger);
    return async () => {
      const timeout = { seconds: TIMEOUT_SECONDS };
      return (await builtIn.recoverTasks({ timeout })).ids.length;
    };
  }
  const pass = await createPass(knex, logger);
  // The connections that a backend has by then, one for each batch that is decided on at once. The built-in has its one by
  // its migrations.
  const connections = Array.from({ length: batchesAtOnce(knex) });
  await Promise.all(connections.map(() => knex.raw('select pg_sleep(0.1)')));
  return async () =>
    (way === 'open' ? await pass.runAtStartup() : await pass.runOnce()).resume;
}

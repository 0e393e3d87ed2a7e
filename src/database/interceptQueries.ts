import { toError } from '@backstage/errors';
import { Knex } from 'knex';

/** How a query failed. */
export type QueryFailure = {
  error: Error;
  /** Whether it was sent. It is not if no connection could be had, of which knex reports nothing. */
  wasSent: boolean;
};

/** Is told how a query ended, before its sender is. */
export type QuerySettled = (failure?: QueryFailure) => void;

type Runner = { connection?: unknown; run(): Promise<unknown> };

/**
 * Intercepts the queries of this process that are not part of a transaction, until the signal is aborted.
 *
 * Knex reports the failures of queries by its event `query-error`, but not those of queries that get no connection: neither that
 * event nor `start` comes (`ensureConnection` of its Runner, 3.3.0).
 *
 * @param begins - is called before a connection is asked for. What it throws is what the query fails with, without being sent. It returns
 *   what is to be told how the query ended, if anything is
 */
export function interceptQueries(
  knex: Knex,
  begins: (builder: Knex.QueryBuilder) => QuerySettled | undefined,
  signal: AbortSignal,
): void {
  if (signal.aborted) {
    return;
  }
  const { client } = knex;
  const original: (builder: Knex.QueryBuilder) => Runner = client.runner;
  const wasOwn = Object.hasOwn(client, 'runner');
  function runner(this: unknown, builder: Knex.QueryBuilder): Runner {
    const created = original.call(this, builder);
    // Somebody may have wrapped this one as well, so that it cannot be taken away.
    if (!signal.aborted) {
      const run = created.run.bind(created);
      created.run = () => intercepted(created, run, () => begins(builder));
    }
    return created;
  }
  client.runner = runner;
  signal.addEventListener(
    'abort',
    () => {
      if (client.runner !== runner) {
        return;
      }
      if (wasOwn) {
        client.runner = original;
      } else {
        delete client.runner;
      }
    },
    { once: true },
  );
}

async function intercepted(
  runner: Runner,
  run: () => Promise<unknown>,
  begins: () => QuerySettled | undefined,
): Promise<unknown> {
  const settled = begins();
  if (!settled) {
    return run();
  }
  let answer: unknown;
  try {
    answer = await run();
  } catch (error) {
    settled({
      error: toError(error),
      wasSent: runner.connection !== undefined,
    });
    throw error;
  }
  settled();
  return answer;
}

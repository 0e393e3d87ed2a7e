import { toError } from '@backstage/errors';
import { Knex } from 'knex';

/** How a query failed. */
export type QueryFailure = {
  error: Error;
  /** Whether it was sent. It is not if no connection could be had, of which knex reports nothing. */
  wasSent: boolean;
};

/** Receives reports on a query. */
type QueryWatch = {
  /** That it has a connection, before it is sent. What is thrown is what the query fails with, without being sent. */
  connected?(connection: unknown): Promise<void>;
  /** How it ended, before its sender knows. */
  settled(failure?: QueryFailure): void;
};

/** The parts of knex's Runner (3.3.0) that are used here. */
type Runner = {
  connection: unknown;
  run(...args: unknown[]): Promise<unknown>;
  query(...args: unknown[]): Promise<unknown>;
};

/**
 * Intercepts the queries of this process that are not part of a transaction, until the signal is aborted.
 *
 * Knex reports the failures of queries by its event `query-error`, but not those of queries that get no connection: neither that
 * event nor `start` comes (`ensureConnection` of its Runner, 3.3.0). With a knex whose runners are of another shape, nothing is intercepted.
 *
 * @param begins - is called before a connection is asked for. What it throws is what the query fails with, without being sent. It returns
 *   what receives reports on the query, if anything
 */
export function interceptQueries(
  knex: Knex,
  begins: (builder: Knex.QueryBuilder) => QueryWatch | undefined,
  signal: AbortSignal,
): void {
  if (signal.aborted) {
    return;
  }
  const { client } = knex;
  const original: (...args: unknown[]) => unknown = client.runner;
  const wasOwn = Object.hasOwn(client, 'runner');
  function runner(
    this: unknown,
    builder: Knex.QueryBuilder,
    ...others: unknown[]
  ): unknown {
    const created = original.call(this, builder, ...others);
    // Somebody may have wrapped this one as well, so that it cannot be taken away.
    if (!signal.aborted && isRunner(created)) {
      const run = created.run.bind(created);
      created.run = (...args) =>
        intercepted(
          created,
          () => run(...args),
          () => begins(builder),
        );
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

function isRunner(created: unknown): created is Runner {
  return (
    typeof created === 'object' &&
    created !== null &&
    'connection' in created &&
    'run' in created &&
    typeof created.run === 'function' &&
    'query' in created &&
    typeof created.query === 'function'
  );
}

async function intercepted(
  runner: Runner,
  run: () => Promise<unknown>,
  begins: () => QueryWatch | undefined,
): Promise<unknown> {
  const watch = begins();
  if (!watch) {
    return run();
  }
  const query = runner.query.bind(runner);
  runner.query = async (...args) => {
    await watch.connected?.(runner.connection);
    return query(...args);
  };
  let answer: unknown;
  try {
    answer = await run();
  } catch (error) {
    watch.settled({
      error: toError(error),
      wasSent: runner.connection !== undefined,
    });
    throw error;
  }
  watch.settled();
  return answer;
}

import knexFactory from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from './PostgresServer';

/** How long a connection that somebody gives back stays free. */
const RETRY_MS = 100;

/** Makes so many at the same time. The server starts a process for each. */
const AT_ONCE = 10;

type RawConnection = object;

/**
 * Takes all connections of a PostgreSQL server that are free, and those that become free, until it is told to give them back. Who has a
 * connection keeps it, and nobody gets a further one. As a superuser also those that the server reserves for superusers.
 *
 * @returns when none is free any more, what gives them back
 */
export async function takeAllConnections(
  connection: PostgresServer['connection'],
): Promise<() => Promise<void>> {
  const { client } = knexFactory({
    client: 'pg',
    connection: { ...connection, database: 'postgres' },
    log: { warn() {}, error() {} },
  });
  const taken: RawConnection[] = [];
  let isOver = false;
  /** Returns whether there was one. Not if the server is away, either. */
  const takeOne = async (): Promise<boolean> => {
    try {
      taken.push(await client.acquireRawConnection());
      return true;
    } catch {
      return false;
    }
  };
  const takeFree = async () => {
    let isFull = false;
    while (!isFull && !isOver) {
      const results = await Promise.all(
        Array.from({ length: AT_ONCE }, takeOne),
      );
      isFull = results.includes(false);
    }
  };
  const keepTaking = async () => {
    while (!isOver) {
      await sleep(RETRY_MS);
      await takeFree();
    }
  };
  await takeFree();
  const taking = keepTaking();
  return async () => {
    isOver = true;
    await taking;
    await Promise.all(taken.map(c => client.destroyRawConnection(c)));
    await client.destroy();
  };
}

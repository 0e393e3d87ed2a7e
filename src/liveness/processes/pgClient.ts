import { Knex } from 'knex';
import { TIMED_OUT, withTimeout } from '../../util/withTimeout';

/** What is used of the `Client` of node-postgres 8. */
export type PgClient = {
  connect(): Promise<unknown>;
  query(sql: string, values?: unknown[]): Promise<{ rows: any[] }>;
  end(): Promise<void>;
  unref(): void;
  on(event: 'end' | 'error', listener: () => void): void;
  /** The process id of the server, as it announced it when the session began. */
  processID: number | null;
  connection?: { stream?: { destroy(): void } };
};

/**
 * A client for a session outside the pool, which connects as the pool does and has not connected yet.
 *
 * @param options.waitMs - how long the settings may take, and later the connection
 */
export async function createPgClient(
  knex: Knex,
  { applicationName, waitMs }: { applicationName: string; waitMs: number },
): Promise<PgClient> {
  const { Client } = knex.client.driver;
  // What provides them may hang.
  const settings = await withTimeout(waitMs, readConnectionSettings(knex));
  if (settings === TIMED_OUT) {
    throw new Error(
      `The connection settings were not provided within ${waitMs / 1000} s`,
    );
  }
  return new Client({
    ...settings,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: waitMs,
    connectionTimeoutMillis: waitMs,
  });
}

/** The session does not keep the process alive. */
export function unref(client: PgClient): void {
  try {
    client.unref();
  } catch {
    // A stream that the operator configured may not know it.
  }
}

/** What the pool connects with, as `_acquireOnlyConnection` of knex 3, or what it would connect with if that has expired. */
async function readConnectionSettings(knex: Knex): Promise<object> {
  const {
    connectionSettings,
    connectionConfigProvider: provide,
    connectionConfigExpirationChecker: isExpired,
  } = knex.client;
  const settings =
    provide && isExpired?.() ? await provide() : connectionSettings;
  // Knex hides the password from those who enumerate.
  return { ...settings, password: settings.password };
}

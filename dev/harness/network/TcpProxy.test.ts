import { TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { waitFor } from '../waitFor';
import { TcpProxy } from './TcpProxy';

jest.setTimeout(120_000);

const LOCK = 4711;
const databases = TestDatabases.create({ ids: ['POSTGRES_18'] });

describe('a network to PostgreSQL', () => {
  let server: Knex;
  let proxy: TcpProxy;
  let clients: Knex[];

  beforeAll(async () => {
    server = await databases.init('POSTGRES_18');
  });
  beforeEach(async () => {
    clients = [];
    proxy = await TcpProxy.open(server.client.config.connection);
  });
  afterEach(async () => {
    // A client that is asked to end waits for the server.
    await proxy.close();
    await Promise.all(clients.map(c => c.destroy()));
  });

  /** One connection, through the network. */
  function connect(): Knex {
    const { connection } = server.client.config;
    const client = knexFactory({
      client: 'pg',
      connection: {
        ...connection,
        // knex hides it from being listed.
        password: connection.password,
        host: '127.0.0.1',
        port: proxy.port,
      },
      pool: { min: 0, max: 1 },
      log: { warn() {}, error() {} },
    });
    clients.push(client);
    return client;
  }

  const ask = async (client: Knex) => {
    const { rows } = await client.raw('select 1 as answer');
    return rows[0].answer;
  };

  const lock = (client: Knex) => client.raw('select pg_advisory_lock(?)', LOCK);

  /** Takes as long as what is sent takes to arrive, many times over. */
  async function expectLockToStayHeld(): Promise<void> {
    for (let i = 0; i < 100; i++) {
      expect(await isLockHeld()).toBe(true);
    }
  }

  async function isLockHeld(): Promise<boolean> {
    const { rows } = await server.raw(
      `select 1 from pg_locks where locktype = 'advisory' and objid = ?`,
      LOCK,
    );
    return rows.length > 0;
  }

  it('passes what is asked and answered', async () => {
    const client = connect();
    const { rows } = await client.raw(
      'select length(?) as length, repeat(?, 3000000) as text',
      ['x'.repeat(1_000_000), 'y'],
    );
    expect(rows[0].length).toBe(1_000_000);
    expect(rows[0].text).toBe('y'.repeat(3_000_000));
  });

  it('tells the server of the end of a client', async () => {
    const client = connect();
    await lock(client);
    expect(await isLockHeld()).toBe(true);
    await client.destroy();
    await waitFor('the lock to be free', async () => !(await isLockHeld()));
  });

  it('lets everything arrive later, in its order', async () => {
    const client = connect();
    await ask(client);
    proxy.delayMs = 200;
    const startedAt = performance.now();
    expect(await ask(client)).toBe(1);
    expect(performance.now() - startedAt).toBeGreaterThan(2 * 200 - 10);
    proxy.delayMs = 0;
    expect(await ask(client)).toBe(1);
  });

  it('resets its connections, and makes new ones', async () => {
    const client = connect();
    await lock(client);
    const asked = client.raw('select pg_sleep(60)').catch(String);
    await waitFor('the server to have been asked', async () => {
      const { rows } = await server.raw(
        `select 1 from pg_stat_activity where state = 'active' and query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
      );
      return rows.length > 0;
    });
    proxy.reset();
    expect(await asked).toMatch(/ECONNRESET/);
    await server.raw(
      `select pg_cancel_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
    );
    await waitFor('the lock to be free', async () => !(await isLockHeld()));
    expect(await ask(client)).toBe(1);
  });

  it('makes none while it is cut', async () => {
    const client = connect();
    await lock(client);
    proxy.cut();
    await waitFor('the lock to be free', async () => !(await isLockHeld()));
    await expect(ask(client)).rejects.toThrow(/ECONNRESET|terminated/);
    await expect(ask(connect())).rejects.toThrow(/ECONNRESET|terminated/);
    proxy.restore();
    expect(await ask(client)).toBe(1);
  });

  it('keeps its connections during a silence, and lets what was sent arrive after it', async () => {
    const client = connect();
    await lock(client);
    proxy.silence();
    const answers: unknown[] = [];
    const asked = [client, connect()].map(c =>
      ask(c).then(answer => answers.push(answer)),
    );
    await expectLockToStayHeld();
    expect(answers).toEqual([]);
    proxy.restore();
    await Promise.all(asked);
    expect(answers).toEqual([1, 1]);
    expect(await isLockHeld()).toBe(true);
  });

  it('does not tell the server of the end of a client during a silence', async () => {
    const client = connect();
    await lock(client);
    proxy.silence();
    await client.destroy();
    await expectLockToStayHeld();
    expect(await isLockHeld()).toBe(true);
    proxy.restore();
    await waitFor('the lock to be free', async () => !(await isLockHeld()));
  });

  it('loses what was sent during a silence if it is reset before the end of that', async () => {
    const client = connect();
    await lock(client);
    proxy.silence();
    const asked = [client, connect()].map(c => ask(c).catch(String));
    await expectLockToStayHeld();
    proxy.reset();
    proxy.restore();
    for (const answer of await Promise.all(asked)) {
      expect(answer).toMatch(/ECONNRESET|terminated/);
    }
    await waitFor('the lock to be free', async () => !(await isLockHeld()));
    expect(await ask(client)).toBe(1);
  });
});

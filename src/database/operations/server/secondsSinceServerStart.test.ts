import knexFactory, { Knex } from 'knex';
import { PostgresProcess } from '../../../../dev/harness/postgres/PostgresProcess';
import { waitFor } from '../../../../dev/harness/waitFor';
import { secondsSinceServerStart } from './secondsSinceServerStart';

jest.setTimeout(60_000);

let server: PostgresProcess;
let knex: Knex;

beforeAll(async () => {
  server = await PostgresProcess.start();
  knex = knexFactory({
    client: 'pg',
    connection: { ...server.connection, database: 'postgres' },
  });
});
afterAll(async () => {
  await knex?.destroy();
  await server?.stop();
});

it('counts from when PostgreSQL started again by itself, since one of its processes was killed', async () => {
  const before = await waitFor('the server to be up for a while', async () => {
    const seconds = await secondsSinceServerStart(knex);
    return seconds > 3 && seconds;
  });
  const killedAt = performance.now();
  const { rows } = await knex.raw('select pg_backend_pid() as pid');
  process.kill(rows[0].pid, 'SIGKILL');
  const after = await waitFor('the server to be back', () =>
    secondsSinceServerStart(knex),
  );
  expect(before).toBeGreaterThan(3);
  expect(after).toBeLessThan((performance.now() - killedAt) / 1000);
});

it('can be read by a role without privileges', async () => {
  await knex.raw('create role nobody');
  await knex.transaction(async tx => {
    await tx.raw('set local role nobody');
    expect(await secondsSinceServerStart(tx)).toBeGreaterThan(0);
  });
});

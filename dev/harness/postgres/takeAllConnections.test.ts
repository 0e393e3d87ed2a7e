import knexFactory, { Knex } from 'knex';
import { PostgresProcess } from './PostgresProcess';
import { takeAllConnections } from './takeAllConnections';

jest.setTimeout(120_000);

describe('taking all connections of a server', () => {
  let server: PostgresProcess;
  let before: Knex;
  let later: Knex;

  beforeAll(async () => {
    server = await PostgresProcess.start({ maxConnections: 20 });
    const connect = () =>
      knexFactory({
        client: 'pg',
        connection: { ...server.connection, database: 'postgres' },
        pool: { min: 0, max: 1 },
        log: { warn() {}, error() {} },
      });
    before = connect();
    later = connect();
  });
  afterAll(async () => {
    await before.destroy();
    await later.destroy();
    await server.stop();
  });

  it('leaves those that somebody has, and gives nobody a further one until they are given back', async () => {
    await before.raw('select 1');
    const giveBack = await takeAllConnections(server.connection);
    try {
      await before.raw('select 1');
      await expect(later.raw('select 1')).rejects.toThrow(
        /too many clients already/,
      );
    } finally {
      await giveBack();
    }
    await later.raw('select 1');
  });

  it('outlives a restart of the server', async () => {
    const giveBack = await takeAllConnections(server.connection);
    await server.interrupt(0);
    await giveBack();
    await expect(later.raw('select 1')).resolves.toBeDefined();
  });
});

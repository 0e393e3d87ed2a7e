import knexFactory from 'knex';
import { batchesAtOnce } from './batchesAtOnce';

describe('batchesAtOnce', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
    [7, 3],
    [10, 4],
    [50, 4],
  ])('of a pool of %d connections takes %d', (max, taken) => {
    // No connection is made before the first query.
    const knex = knexFactory({
      client: 'pg',
      connection: {},
      pool: { min: 0, max },
    });
    expect(batchesAtOnce(knex)).toBe(taken);
  });

  it('takes the one connection that SQLite has', () => {
    const knex = knexFactory({
      client: 'better-sqlite3',
      connection: ':memory:',
      useNullAsDefault: true,
    });
    expect(batchesAtOnce(knex)).toBe(1);
  });
});

import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { TEST_DATABASE_IDS } from '../../__testUtils__/scaffolderDatabase';
import { interceptQueries, QueryFailure } from './interceptQueries';
import { onConnection } from './onConnection';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'interceptQueries on %s',
  databaseId => {
    let knex: Knex;
    let lifetime: AbortController;
    let seen: (string | QueryFailure)[];
    const connected = jest.fn();

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await knex.schema.createTable('things', table => {
        table.integer('id').primary();
      });
    });

    beforeEach(() => {
      lifetime = new AbortController();
      seen = [];
      connected.mockReset();
      interceptQueries(
        knex,
        builder => {
          seen.push(builder.toSQL().sql.slice(0, 6));
          return {
            connected: async connection => connected(connection),
            settled: failure => seen.push(failure ?? 'answered'),
          };
        },
        lifetime.signal,
      );
    });

    afterEach(() => lifetime.abort());

    it('reports a query before it is sent, and when it is answered', async () => {
      expect(await knex('things').select('id')).toEqual([]);
      expect(seen).toEqual(['select', 'answered']);
    });

    it('reports a query before it is sent on its connection, on which more can be asked first', async () => {
      const { max } = knex.client.pool;
      connected.mockImplementationOnce(async connection => {
        // None of the others is free.
        const others = await Promise.all(
          Array.from({ length: max - 1 }, () =>
            knex.client.acquireConnection(),
          ),
        );
        expect(await onConnection(knex, connection)('things')).toEqual([]);
        others.forEach(other => knex.client.releaseConnection(other));
      });
      expect(await knex('things').select('id')).toEqual([]);
      expect(seen).toEqual(['select', 'select', 'answered', 'answered']);
    });

    it('fails a query with what is thrown when it has its connection, without sending it', async () => {
      const sent = jest.fn();
      connected.mockRejectedValueOnce(new Error('Too late'));
      knex.on('query', sent);
      await expect(knex('things').select('id')).rejects.toThrow('Too late');
      knex.removeListener('query', sent);
      expect(sent).not.toHaveBeenCalled();
      expect(seen).toMatchObject(['select', { wasSent: true }]);
    });

    it('reports a query that the database refuses', async () => {
      const refused = knex('things').insert({ nothing: 1 });
      // No `Error` of this realm if another test file had loaded the driver of SQLite before.
      const error = { message: expect.stringContaining('nothing') };
      await expect(refused).rejects.toMatchObject(error);
      expect(seen).toMatchObject(['insert', { error, wasSent: true }]);
    });

    it('reports a query that gets no connection, of which knex reports nothing', async () => {
      const error = new Error('connect ECONNREFUSED');
      const reported = jest.fn();
      knex.on('start', reported);
      knex.on('query-error', reported);
      const acquire = jest
        .spyOn(knex.client, 'acquireConnection')
        .mockRejectedValueOnce(error);
      await expect(knex('things').select('id')).rejects.toBe(error);
      acquire.mockRestore();
      knex.removeListener('start', reported);
      knex.removeListener('query-error', reported);
      expect(seen).toEqual(['select', { error, wasSent: false }]);
      expect(reported).not.toHaveBeenCalled();
    });

    it('leaves transactions alone', async () => {
      await knex.transaction(tx => tx('things').select('id'));
      expect(seen).toEqual([]);
    });

    it('fails a query with what the interceptor throws, without sending it', async () => {
      const sent = jest.fn();
      const own = new AbortController();
      interceptQueries(
        knex,
        () => {
          throw new Error('Refused');
        },
        own.signal,
      );
      knex.on('query', sent);
      await expect(knex('things').insert({ id: 1 })).rejects.toThrow('Refused');
      knex.removeListener('query', sent);
      own.abort();
      expect(sent).not.toHaveBeenCalled();
      expect(await knex('things').select('id')).toEqual([]);
    });

    it('ends with its signal, also if somebody else intercepts as well', async () => {
      const other = new AbortController();
      interceptQueries(knex, () => undefined, other.signal);
      lifetime.abort();
      await knex('things').select('id');
      expect(seen).toEqual([]);
      other.abort();
      await knex('things').select('id');
      expect(seen).toEqual([]);
    });
  },
);

describe('interceptQueries with another knex', () => {
  const lifetime = new AbortController();
  afterAll(() => lifetime.abort());

  /** What becomes of a runner, and with which arguments it was asked for. */
  function intercept(created: unknown) {
    const original = jest.fn((..._args: unknown[]) => created);
    const client = { runner: original };
    const begins = jest.fn();
    interceptQueries({ client } as any, begins, lifetime.signal);
    return { client, original, begins };
  }

  it('passes on arguments that it does not know', async () => {
    const run = jest.fn(async (..._args: unknown[]) => 'answer');
    const { client, original, begins } = intercept({
      connection: undefined,
      run,
      query: jest.fn(),
    });
    const runner = (client.runner as any)('builder', 'more');
    expect(original).toHaveBeenCalledWith('builder', 'more');
    await expect(runner.run('option')).resolves.toBe('answer');
    expect(run).toHaveBeenCalledWith('option');
    expect(begins).toHaveBeenCalledWith('builder');
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a promise', Promise.resolve()],
    ['an object that runs in another way', { connection: 1, start() {} }],
    ['an object that sends in another way', { connection: 1, run() {} }],
    [
      'an object that shows no connection',
      Object.freeze({ run() {}, query() {} }),
    ],
  ])('leaves %s as it is', (_, created) => {
    const { client } = intercept(created);
    expect((client.runner as any)('builder')).toBe(created);
  });
});

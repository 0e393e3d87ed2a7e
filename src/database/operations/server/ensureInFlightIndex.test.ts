import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { waitFor } from '../../../../dev/harness/waitFor';
import {
  migrateScaffolderOnly,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { TASKS } from '../../../scaffolder/tables';
import {
  ensureInFlightIndex,
  hasInFlightIndex,
  IN_FLIGHT_INDEX,
} from './ensureInFlightIndex';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'ensureInFlightIndex on %s',
  databaseId => {
    it('makes the index once', async () => {
      const knex = await databases.init(databaseId);
      await migrateScaffolderOnly(knex);
      expect(await hasInFlightIndex(knex)).toBe(false);
      expect(await ensureInFlightIndex(knex)).toBe(true);
      expect(await hasInFlightIndex(knex)).toBe(true);
      expect(await ensureInFlightIndex(knex)).toBe(true);
    });
  },
);

describe('ensureInFlightIndex on PostgreSQL', () => {
  let knex: Knex;
  let blocker: Knex.Transaction;
  beforeEach(async () => {
    knex = await databases.init('POSTGRES_18');
    await migrateScaffolderOnly(knex);
    // Such as a backup.
    blocker = await knex.transaction(undefined, {
      isolationLevel: 'repeatable read',
    });
    await blocker(TASKS).first();
  });
  afterEach(() => blocker.rollback());

  async function waitForMaking(): Promise<number> {
    return waitFor('the index to be waiting', async () => {
      const { rows } = await knex.raw(
        `select pid from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query like 'create index%'`,
      );
      return rows[0]?.pid;
    });
  }

  async function isPresent(): Promise<boolean> {
    const { rows } = await knex.raw('select to_regclass(?) as "index"', [
      IN_FLIGHT_INDEX,
    ]);
    return rows[0].index !== null;
  }

  it('waits for older transactions without keeping anyone from writing', async () => {
    const made = ensureInFlightIndex(knex);
    await waitForMaking();
    await knex(TASKS).insert({
      id: '00000000-0000-4000-8000-000000000000',
      spec: '{}',
      status: 'open',
    });
    await blocker.rollback();
    expect(await made).toBe(true);
    expect(await hasInFlightIndex(knex)).toBe(true);
  });

  it('leaves it to the one who makes it already', async () => {
    const made = ensureInFlightIndex(knex);
    await waitForMaking();
    expect(await ensureInFlightIndex(knex)).toBe(false);
    await blocker.rollback();
    expect(await made).toBe(true);
  });

  it('does not drop what PostgreSQL still makes for a process that was killed', async () => {
    // The lock of the killed process went with its connection.
    const orphan = knex.raw(
      `create index concurrently ${IN_FLIGHT_INDEX} on ${TASKS} (created_at, id) where status in ('open', 'processing')`,
    );
    const made = orphan.then(() => true);
    await waitForMaking();
    expect(await ensureInFlightIndex(knex)).toBe(false);
    await blocker.rollback();
    expect(await made).toBe(true);
    expect(await ensureInFlightIndex(knex)).toBe(true);
  });

  it('makes anew what was left invalid', async () => {
    const made = ensureInFlightIndex(knex).catch(error => error);
    await knex.raw('select pg_terminate_backend(?)', await waitForMaking());
    expect(await made).toMatchObject({
      message: expect.stringMatching(/terminat/),
    });
    expect(await isPresent()).toBe(true);
    expect(await hasInFlightIndex(knex)).toBe(false);
    await blocker.rollback();
    expect(await ensureInFlightIndex(knex)).toBe(true);
    expect(await hasInFlightIndex(knex)).toBe(true);
  });

  it('gives up when it is stopped, and returns its connections', async () => {
    const stop = new AbortController();
    const made = ensureInFlightIndex(knex, { signal: stop.signal }).catch(
      error => error,
    );
    await waitForMaking();
    stop.abort();
    expect(await made).toMatchObject({
      message: expect.stringMatching(/terminat/),
    });
    // That of the blocker is left.
    expect(knex.client.pool.numUsed()).toBe(1);
  });
});

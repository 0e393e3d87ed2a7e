import { TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { waitFor } from '../../../dev/harness/waitFor';
import {
  listHeldLocks,
  readLockClass,
} from '../../database/operations/processes/locks';
import { LockSession } from './LockSession';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: ['POSTGRES_18'] });

describe('LockSession', () => {
  let knex: Knex;
  let end: AbortController;
  let now: number;
  const handlers = {
    onChange: jest.fn(),
    onLost: jest.fn(),
    onRefused: jest.fn(),
    onAccepted: jest.fn(),
    onPooled: jest.fn(),
  };

  beforeAll(async () => {
    knex = await databases.init('POSTGRES_18');
  });
  beforeEach(() => {
    jest.resetAllMocks();
    end = new AbortController();
    now = 0;
  });
  afterEach(async () => {
    end.abort();
    await waitFor(
      'no lock',
      async () => (await listHeldLocks(knex)).size === 0,
    );
  });

  async function start(number: number, as: Knex = knex): Promise<LockSession> {
    const session = new LockSession({
      knex: as,
      key: [await readLockClass(knex), number],
      applicationName: `session ${number}`,
      ...handlers,
      signal: end.signal,
      clock: () => now,
    });
    session.start();
    return session;
  }
  const isLocked = async (number: number) =>
    (await listHeldLocks(knex)).has(number);
  const sessions = async (number: number): Promise<number[]> =>
    knex('pg_stat_activity')
      .where('application_name', `session ${number}`)
      .pluck('pid');
  const terminate = (pid: number) =>
    knex.raw('select pg_terminate_backend(?)', pid);

  it('takes the lock in a session that bears its name, and gives it back at the end', async () => {
    const session = await start(7);
    expect(session.isHeld).toBe(false);
    await waitFor('the lock', async () => session.isHeld);
    expect(handlers.onChange).toHaveBeenCalledTimes(1);
    expect(await isLocked(7)).toBe(true);
    expect(await isLocked(8)).toBe(false);
    expect(await sessions(7)).toHaveLength(1);
    end.abort();
    await waitFor('the lock to be free', async () => !(await isLocked(7)));
    expect(await sessions(7)).toEqual([]);
    expect(handlers.onLost).not.toHaveBeenCalled();
  });

  /** @returns once another session has the lock. */
  async function sever(number: number, session: LockSession): Promise<void> {
    const [pid] = await sessions(number);
    await terminate(pid);
    await waitFor('another session', async () => {
      const [other] = await sessions(number);
      return other && other !== pid && (await isLocked(number));
    });
    await waitFor('the lock', async () => session.isHeld);
  }

  it('takes the lock again at once when the session was ended by the server, and says both', async () => {
    const session = await start(7);
    await waitFor('the lock', async () => session.isHeld);
    const isHeld: boolean[] = [];
    handlers.onChange.mockImplementation(() => isHeld.push(session.isHeld));
    for (const times of [1, 2, 3]) {
      now += 61_000;
      await sever(7, session);
      expect(handlers.onLost).toHaveBeenCalledTimes(times);
      expect(isHeld.splice(0)).toEqual([false, true]);
    }
    expect(handlers.onRefused).not.toHaveBeenCalled();
  });

  it('counts as refused, and not as lost again, when the session is ended time after time, until it has lived for a minute', async () => {
    const session = await start(7);
    await waitFor('the lock', async () => session.isHeld);
    const begin = performance.now();
    for (const ms of [0, 5_000, 11_000]) {
      now += ms;
      await sever(7, session);
    }
    // Without a pause, each would be the cause of the next.
    expect(performance.now() - begin).toBeGreaterThan(2_900);
    expect(handlers.onLost).toHaveBeenCalledTimes(1);
    expect(handlers.onRefused.mock.calls).toEqual([
      [
        expect.objectContaining({
          message: 'The session was ended twice or more within a minute',
        }),
      ],
    ]);
    expect(handlers.onAccepted).not.toHaveBeenCalled();
    now += 60_000;
    await waitFor(
      'it to be over',
      async () => handlers.onAccepted.mock.calls.length === 1,
    );
    await sever(7, session);
    expect(handlers.onLost).toHaveBeenCalledTimes(2);
  });

  it('holds the lock by a stream that does not know how to let the process end', async () => {
    const strange = knexFactory({ client: 'pg', connection: {} });
    strange.client.connectionSettings = knex.client.connectionSettings;
    strange.client.driver = {
      Client: class extends knex.client.driver.Client {
        unref() {
          throw new TypeError('stream.unref is not a function');
        }
      },
    };
    const session = await start(7, strange);
    await waitFor('the lock', async () => session.isHeld);
    expect(await sessions(7)).toHaveLength(1);
    await strange.destroy();
  });

  it('takes the lock beside a session of its own that the server still has', async () => {
    const lingering = await start(7);
    await waitFor('the lock', async () => lingering.isHeld);
    const session = await start(7);
    await waitFor('the lock', async () => session.isHeld);
    expect(await sessions(7)).toHaveLength(2);
  });

  it('has no lock while the server refuses connections, and takes it when it does not', async () => {
    const { host, port, database } = knex.client.connectionSettings;
    await knex.raw(`create role plain nologin password 'plain'`);
    const plain = knexFactory({
      client: 'pg',
      connection: { host, port, database, user: 'plain', password: 'plain' },
    });
    try {
      const session = await start(7, plain);
      await knex.raw('alter role plain login');
      await waitFor('the lock', async () => session.isHeld);

      await knex.raw('alter role plain nologin');
      const [pid] = await sessions(7);
      await terminate(pid);
      await waitFor('it to be known', async () => !session.isHeld);
      expect(await isLocked(7)).toBe(false);
      expect(handlers.onChange).toHaveBeenCalledTimes(2);
      expect(handlers.onRefused).not.toHaveBeenCalled();
      // Since the first refusal, which may be yet to come.
      await waitFor('it to be reported', async () => {
        now += 11_000;
        return handlers.onRefused.mock.calls.length > 0;
      });
      expect(handlers.onRefused.mock.calls[0][0].message).toMatch(
        /not permitted to log in/,
      );
      handlers.onAccepted.mockClear();

      await knex.raw('alter role plain login');
      await waitFor('the lock', async () => session.isHeld);
      expect(await isLocked(7)).toBe(true);
      expect(handlers.onAccepted).toHaveBeenCalledTimes(1);
    } finally {
      end.abort();
      await waitFor(
        'the end of it',
        async () => (await sessions(7)).length === 0,
      );
      await plain.destroy();
      await knex.raw('drop role plain');
    }
  });

  it('takes no lock where the server announces another process than the one that answers, as a pooler does', async () => {
    const { Client } = knex.client.driver;
    class Pooled extends Client {
      constructor(options: object) {
        super(options);
        this.on('newListener', () => {});
      }
      get processID() {
        return 1;
      }
      set processID(_) {
        // Whatever the server says.
      }
    }
    const pooled = knexFactory({ client: 'pg', connection: {} });
    pooled.client.connectionSettings = knex.client.connectionSettings;
    pooled.client.driver = { Client: Pooled };
    const session = await start(7, pooled);
    await waitFor(
      'it to be known',
      async () => handlers.onPooled.mock.calls.length > 0,
    );
    expect(session.isHeld).toBe(false);
    expect(await isLocked(7)).toBe(false);
    await waitFor(
      'the end of it',
      async () => (await sessions(7)).length === 0,
    );
    expect(handlers.onPooled).toHaveBeenCalledTimes(1);
  });
});

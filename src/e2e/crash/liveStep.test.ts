import { Knex } from 'knex';
import fs from 'node:fs';
import path from 'node:path';
import { BackendProcess } from '../../../dev/harness/backend/BackendProcess';
import { takeAllConnections } from '../../../dev/harness/postgres/takeAllConnections';
import { TcpProxy } from '../../../dev/harness/network/TcpProxy';
import { PostgresProcess } from '../../../dev/harness/postgres/PostgresProcess';
import { ScaffolderClient } from '../../../dev/harness/backend/ScaffolderClient';
import { severLockOf } from '../../../dev/harness/postgres/severLockOf';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { waitFor } from '../../../dev/harness/waitFor';
import { untilPass } from '../__testUtils__/untilPass';
import { ATTEMPTS, PROCESSES } from '../../database/tables';
import { silentForAtLeast } from '../../database/time';
import { TASKS } from '../../scaffolder/tables';

jest.setTimeout(600_000);

/** A silence that a process with a lock may have, and one without it may not. */
const LONG_SILENCE_SECONDS = 8;

/** The next heartbeats come before 5 s are over, also on a busy machine. */
const SHORT_SILENCE_SECONDS = 3;

const STRATEGIES = ['none', 'restart', 'idempotent'];

const templates: StepTemplate[] = STRATEGIES.map(strategy => ({
  name: strategy,
  recovery: { strategy },
  steps: [{ id: 'live', does: { waitsFor: '${{ parameters.file }}' } }],
}));

describe('a step that runs while another replica looks for interrupted tasks', () => {
  let server: PostgresProcess;
  let network: TcpProxy;
  let site: StepSite;
  let runner: BackendProcess;
  let client: ScaffolderClient;
  let knex: Knex;
  let ids: string[];

  beforeAll(async () => {
    server = await PostgresProcess.start({ maxConnections: 60 });
    network = await TcpProxy.open(server.connection);
    site = await StepSite.create('PostgreSQL', templates, server);
    const scaffolder = { recoverTasksTimeout: { minutes: 5 } };
    const other = await site.createBackend('other', {
      ...scaffolder,
      concurrentTasksLimit: 0,
    });
    runner = await site.createBackend('runner', scaffolder, {
      isOwnHost: true,
      database: { connection: { ...server.connection, port: network.port } },
    });
    client = await other.start();
    await runner.start();
    knex = site.site.openScaffolderDatabase({
      // One that is there when there are no others.
      pool: { min: 1, max: 1 },
      log: { warn() {}, error() {} },
    });
  });
  afterAll(async () => {
    await site?.remove();
    await network?.close();
    await server?.stop();
  });

  const running = () => knex(TASKS).whereIn('id', ids);

  const untilSilent = (seconds: number) =>
    waitFor(`a silence of ${seconds} s`, async () => {
      const silent = await running().where(silentForAtLeast(knex, seconds));
      return silent.length === ids.length;
    });

  /** Until a heartbeat of each task is younger than the question for it. */
  async function untilBeating(): Promise<void> {
    const { rows } = await waitFor('the server', () =>
      Promise.resolve(knex.raw('select now() as now')),
    );
    const [{ now }] = rows;
    await waitFor('heartbeats', async () => {
      const beating = await running().where('last_heartbeat_at', '>', now);
      return beating.length === ids.length;
    });
  }

  async function untilPasses(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await untilPass(knex);
    }
  }

  const severLock = () =>
    waitFor('the lock', async () => {
      const severed = await severLockOf(knex, runner.pid!);
      return severed > 0;
    });

  /** Until others tell by its lock whether its process lives. Without that, they would go by the timeout, and prove nothing. */
  const untilLockCounts = () =>
    waitFor('the process to be known to hold its lock', () =>
      knex(PROCESSES).where({ pid: runner.pid!, holds_lock: true }).first(),
    );

  /** What happens while it runs, until it is over. */
  const faults: Record<string, () => Promise<void>> = {
    'its process loses the session of its lock, again and again': async () => {
      for (let i = 0; i < 4; i++) {
        await severLock();
        await untilPass(knex);
      }
    },
    'all processes lose all connections, again and again': async () => {
      for (let i = 0; i < 4; i++) {
        await knex.raw(
          `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null`,
        );
        await untilBeating();
      }
    },
    'PostgreSQL is away for 4 s': () => server.interrupt(4_000),
    'its process is cut off with resets, for less than 5 s': async () => {
      network.cut();
      await untilSilent(SHORT_SILENCE_SECONDS);
      network.restore();
    },
    'its process is cut off in silence, for less than the timeout':
      async () => {
        network.silence();
        await untilSilent(LONG_SILENCE_SECONDS);
        await untilPasses(3);
        network.restore();
      },
    'its process is stopped, for less than the timeout': async () => {
      runner.signal('SIGSTOP');
      await untilSilent(LONG_SILENCE_SECONDS);
      await untilPasses(3);
      runner.signal('SIGCONT');
    },
    'PostgreSQL has no free connection': async () => {
      const giveBack = await takeAllConnections(server.connection);
      await untilPasses(6);
      await giveBack();
    },
  };

  it.each(Object.keys(faults))('runs once though %s', async name => {
    const file = path.join(site.site.directory, name.replaceAll(' ', '-'));
    ids = await Promise.all(
      STRATEGIES.map(strategy =>
        client.dispatch(`template:default/${strategy}`, { file }),
      ),
    );
    for (const id of ids) {
      await client.waitForStep(id, 'live');
    }
    await untilLockCounts();
    await faults[name]();
    await untilBeating();
    await untilPasses(2);
    fs.writeFileSync(file, '');

    for (const id of ids) {
      expect(await client.waitForEnd(id)).toMatchObject({
        status: 'completed',
      });
      expect(site.counts(id)).toEqual({ live: 1 });
    }
    expect(await knex(ATTEMPTS).whereIn('task_id', ids)).toEqual([]);
  });
});

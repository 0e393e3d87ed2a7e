import knexFactory, { Knex } from 'knex';
import fs from 'node:fs';
import path from 'node:path';
import { BackendProcess } from '../../../dev/harness/backend/BackendProcess';
import {
  missingPgBouncer,
  PgBouncer,
} from '../../../dev/harness/postgres/PgBouncer';
import { PostgresProcess } from '../../../dev/harness/postgres/PostgresProcess';
import { ScaffolderClient } from '../../../dev/harness/backend/ScaffolderClient';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { waitFor } from '../../../dev/harness/waitFor';
import { untilPass } from '../__testUtils__/untilPass';
import { ATTEMPTS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';

jest.setTimeout(600_000);

const STRATEGIES = ['none', 'restart', 'idempotent'] as const;
type Strategy = (typeof STRATEGIES)[number];

/** The second step is the one that something happens in. */
const templates: StepTemplate[] = STRATEGIES.flatMap(strategy =>
  Object.entries({
    hanging: { hangs: 1 },
    waiting: { waitsFor: '${{ parameters.file }}' },
    failing: { fails: 1 },
  }).map(([name, does]) => ({
    name: `${name}-${strategy}`,
    recovery: { strategy },
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'b', does: { read: 'file', ...does } },
      { id: 'c', does: { read: 'file' } },
    ],
  })),
);

const onceEach = { a: 1, b: 1, c: 1 };
const interrupted = {
  none: { status: 'failed', counts: { a: 1, b: 1 } },
  restart: { status: 'completed', counts: { a: 2, b: 2, c: 1 } },
  idempotent: { status: 'completed', counts: { a: 1, b: 2, c: 1 } },
};

const missing = missingPgBouncer();

(missing ? describe.skip : describe)(
  `a backend behind pgbouncer in transaction mode${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let server: PostgresProcess;
    let bouncer: PgBouncer;
    let site: StepSite;
    let backend: BackendProcess;
    let client: ScaffolderClient;
    let knex: Knex;
    /** Not through the pooler. */
    let direct: Knex;

    beforeAll(async () => {
      server = await PostgresProcess.start();
      bouncer = await PgBouncer.start(server.connection);
      site = await StepSite.create('PostgreSQL', templates, bouncer);
      backend = await site.createBackend('backend');
      client = await backend.start();
      knex = site.site.openScaffolderDatabase({
        log: { warn() {}, error() {} },
      });
      direct = knexFactory({
        client: 'pg',
        connection: { ...server.connection, database: 'postgres' },
        pool: { min: 0 },
      });
    });
    afterAll(async () => {
      await site?.remove();
      await direct?.destroy();
      await bouncer?.stop();
      await server?.stop();
    });

    async function dispatch(
      kind: string,
      values: { file?: string } = {},
    ): Promise<Record<Strategy, string>> {
      const ids: Partial<Record<Strategy, string>> = {};
      for (const strategy of STRATEGIES) {
        ids[strategy] = await client.dispatch(
          `template:default/${kind}-${strategy}`,
          values,
        );
      }
      return ids as Record<Strategy, string>;
    }

    async function dispatchUntilStepB(
      kind: string,
      values?: { file: string },
    ): Promise<Record<Strategy, string>> {
      const ids = await dispatch(kind, values);
      for (const id of Object.values(ids)) {
        await client.waitForStep(id, 'b');
      }
      return ids;
    }

    async function expectOutcomes(
      ids: Record<Strategy, string>,
      expected: typeof interrupted,
    ): Promise<void> {
      for (const strategy of STRATEGIES) {
        const { status } = await client.waitForEnd(ids[strategy]);
        const counts = site.counts(ids[strategy]);
        expect({ strategy, status, counts }).toEqual({
          strategy,
          ...expected[strategy],
        });
      }
    }

    it.each([
      ['SIGKILL', 'silence'],
      ['SIGTERM', 'shutdown'],
    ] as const)(
      'treats its tasks as their templates ask after %s',
      async (signal, interruptedBy) => {
        const ids = await dispatchUntilStepB('hanging');
        await backend.kill(signal);
        client = await backend.start();
        await expectOutcomes(ids, interrupted);
        const attempts = await knex(ATTEMPTS).whereIn(
          'task_id',
          Object.values(ids),
        );
        expect(attempts.map(a => a.interrupted_by)).toEqual(
          STRATEGIES.map(() => interruptedBy),
        );
      },
    );

    it('runs each step once though PostgreSQL is away for 4 s in the middle of it', async () => {
      const file = path.join(site.site.directory, 'goes-on');
      const ids = await dispatchUntilStepB('waiting', { file });
      await server.interrupt(4_000);
      await waitFor('heartbeats since then', async () => {
        const silent = await knex(TASKS)
          .whereIn('id', Object.values(ids))
          .whereRaw(`last_heartbeat_at < now() - interval '2 seconds'`);
        return silent.length === 0;
      });
      await untilPass(knex);
      fs.writeFileSync(file, '');
      const expected = { status: 'completed', counts: onceEach };
      await expectOutcomes(ids, {
        none: expected,
        restart: expected,
        idempotent: expected,
      });
      expect(
        await knex(ATTEMPTS).whereIn('task_id', Object.values(ids)),
      ).toEqual([]);
    });

    it('goes on as their templates ask with tasks that are retried', async () => {
      const ids = await dispatch('failing');
      for (const id of Object.values(ids)) {
        expect(await client.waitForEnd(id)).toMatchObject({ status: 'failed' });
        await client.retry(id);
      }
      const all = { status: 'completed', counts: { a: 2, b: 2, c: 1 } };
      await expectOutcomes(ids, {
        none: all,
        restart: all,
        idempotent: { status: 'completed', counts: { a: 1, b: 2, c: 1 } },
      });
    });

    it('holds no lock that would outlive it, and says that the timeout counts', async () => {
      const file = path.join(site.site.directory, 'ends');
      const ids = await dispatchUntilStepB('waiting', { file });
      await waitFor('the start to say so', async () =>
        (await backend.log()).includes(
          'is noticed after scaffolder.recoverTasksTimeout only: the database is behind a connection pooler',
        ),
      );
      await untilPass(knex);
      const locks = await direct('pg_locks').where({ locktype: 'advisory' });
      expect(locks).toEqual([]);
      fs.writeFileSync(file, '');
      for (const id of Object.values(ids)) {
        await client.waitForEnd(id);
      }
    });
  },
);

import { LoggerService } from '@backstage/backend-plugin-api';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { secondsSinceServerStart } from '../../src/database/operations/server/secondsSinceServerStart';
import { SETTLING_SECONDS } from '../../src/liveness/Settling';
import { BackendProcess } from '../harness/backend/BackendProcess';
import { percentile } from '../harness/percentile';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { StepSite, StepTemplate } from '../harness/steps/StepSite';
import { Engine, ENGINES } from '../harness/TestSite';
import { waitFor } from '../harness/waitFor';
import { Databases } from './Databases';
import { formatMs, Report, Row } from './report';

const KILLS = 10;
const RESTARTS = 5;

/** What is accepted: 5 s of silence, a pass, and up to 10 s until a worker of another process looks. */
const ACCEPTED_MS = 18_000;

/** A process that comes up when a task was silent for so long goes on with it at once. */
const SILENCE_MS = 5_000;
const AT_ONCE_MS = 1_000;

const GOES_ON_MS = 180_000;

/** The last step is the one that a process is killed in. */
const TEMPLATE: StepTemplate = {
  name: 'crash',
  recovery: { strategy: 'idempotent' },
  steps: [
    { id: 'before', does: { write: 'file' } },
    { id: 'killed', does: { waitsFor: '${{ parameters.file }}' } },
  ],
};

/** How long it takes until an interrupted task goes on after its process was killed. With real backends, and nothing to compare it with. */
export async function measureCrash(
  _databases: Databases,
  _logger: LoggerService,
): Promise<Report> {
  const rows = await onServer(measureReplicas);
  for (const engine of ENGINES) {
    rows.push(...(await onServer(server => measureRestarts(engine, server))));
  }
  return {
    title: '(crash) From SIGKILL to the next step',
    notes: [
      `Three replicas on PostgreSQL, recoverTasksTimeout 60 s: ${KILLS} times one of them is killed in a step.`,
      `One replica with default settings, ${RESTARTS} times killed in a step and started again at once.`,
    ],
    compared: ['p50', 'p95'],
    rows,
  };
}

async function onServer<T>(
  measure: (server: PostgresProcess) => Promise<T>,
): Promise<T> {
  const server = await PostgresProcess.start();
  try {
    return await measure(server);
  } finally {
    await server.stop();
  }
}

async function measureReplicas(server: PostgresProcess): Promise<Row[]> {
  const site = await StepSite.create('PostgreSQL', [TEMPLATE], server);
  try {
    const replicas: BackendProcess[] = [];
    for (const name of ['first', 'second', 'third']) {
      const replica = await site.createBackend(
        name,
        { recoverTasksTimeout: { seconds: 60 } },
        { isOwnHost: true },
      );
      await replica.start();
      replicas.push(replica);
    }
    const latencies: number[] = [];
    let twice = 0;
    for (let i = 0; i < KILLS; i++) {
      const killed = replicas[i % replicas.length];
      const task = await beginTask(site, killed, i);
      const killedAt = Date.now();
      await killed.kill();
      latencies.push((await task.goesOnAt()) - killedAt);
      await killed.start();
      await task.end();
      twice += task.begins() > 2 ? 1 : 0;
    }
    const p95 = percentile(latencies, 0.95)!;
    return [
      {
        ...rowOf('three replicas, from the kill', latencies),
        accepted: `p95 at most ${formatMs(ACCEPTED_MS)}`,
        ok: p95 <= ACCEPTED_MS,
      },
      {
        what: 'three replicas, further runs beside that',
        module: String(twice),
        builtIn: '',
        ratio: '',
        accepted: '0',
        ok: twice === 0,
      },
    ];
  } finally {
    await site.remove();
  }
}

async function measureRestarts(
  engine: Engine,
  server: PostgresProcess,
): Promise<Row[]> {
  const site = await StepSite.create(engine, [TEMPLATE], server);
  try {
    const backend = await site.createBackend(
      'backend',
      { recoverTasks: true },
      { isBare: true },
    );
    await backend.start();
    // After a start of the server itself nothing is decided for a while, which is not what is measured.
    const knex = site.site.openScaffolderDatabase();
    await waitFor(
      'the server to have been up for a while',
      async () => (await secondsSinceServerStart(knex)) > SETTLING_SECONDS,
    );
    const sinceKill: number[] = [];
    const sinceUp: number[] = [];
    let ok = true;
    for (let i = 0; i < RESTARTS; i++) {
      const task = await beginTask(site, backend, i);
      const killedAt = Date.now();
      await backend.kill();
      await backend.boot();
      const upAt = Date.now();
      const goesOnAt = await task.goesOnAt();
      sinceKill.push(goesOnAt - killedAt);
      // It may go on before anybody has asked whether it is up.
      sinceUp.push(Math.max(0, goesOnAt - upAt));
      ok &&=
        goesOnAt <= upAt + AT_ONCE_MS ||
        (upAt < killedAt + SILENCE_MS && goesOnAt <= killedAt + ACCEPTED_MS);
      await task.end();
      ok &&= task.begins() === 2;
    }
    return [
      rowOf(`restarted, ${engine}, from the kill`, sinceKill),
      {
        ...rowOf(`restarted, ${engine}, from being up`, sinceUp),
        accepted: `${formatMs(AT_ONCE_MS)}, or ${formatMs(ACCEPTED_MS)} from the kill if up before ${formatMs(SILENCE_MS)}`,
        ok,
      },
    ];
  } finally {
    await site.remove();
  }
}

/** Starts a task on a backend, and resolves when it has been in its last step for a while. */
async function beginTask(site: StepSite, backend: BackendProcess, i: number) {
  const { pid } = backend;
  const client = await backend.signIn();
  const file = path.join(site.site.directory, `goes-on-${i}`);
  const id = await client.dispatch('template:default/crash', { file });
  const begins = () =>
    site.site.journal(id, 'killed').filter(e => e.kind === 'begin');
  await waitFor('the step to begin', async () => begins().length > 0);
  if (begins()[0].pid !== pid) {
    throw new Error(`Task ${id} is run by process ${begins()[0].pid}`);
  }
  // At any time between two heartbeats.
  await sleep(2_000 + Math.random() * 1_000);
  return {
    begins: () => begins().length,
    goesOnAt: () =>
      waitFor('the step to begin again', async () => begins()[1]?.at, {
        timeoutMs: GOES_ON_MS,
      }),
    async end() {
      fs.writeFileSync(file, '');
      const other = await backend.signIn();
      await other.waitForEnd(id);
    },
  };
}

function rowOf(what: string, ms: number[]): Row {
  return {
    what,
    module: formatMs(percentile(ms, 0.5)!),
    builtIn: formatMs(percentile(ms, 0.95)!),
    ratio: '',
  };
}

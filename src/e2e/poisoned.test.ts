import path from 'node:path';
import { readJournals } from '../../dev/harness/journal';
import { Replica } from '../../dev/harness/Replica';
import { ChaosTemplate, writeTemplates } from '../../dev/chaos/templates';
import { ScaffolderClient } from '../../dev/harness/ScaffolderClient';
import { TestSite } from '../__testUtils__/TestSite';

jest.setTimeout(360_000);

const steps = [[], [], []];
const ALWAYS = Infinity;

/** The numbers are how often each step ends its process before it succeeds. */
const TEMPLATES: ChaosTemplate[] = [
  { name: 'healthy', strategy: 'idempotent', dependsOn: steps },
  {
    name: 'poisoned-idempotent',
    strategy: 'idempotent',
    dependsOn: steps,
    crashes: [0, ALWAYS, 0],
  },
  {
    name: 'poisoned-restart',
    strategy: 'restart',
    dependsOn: steps,
    crashes: [0, ALWAYS, 0],
  },
  {
    name: 'poisoned-twice',
    strategy: 'restart',
    dependsOn: steps,
    maxAttempts: 2,
    crashes: [0, ALWAYS, 0],
  },
  // Its first step finishes in every run.
  {
    name: 'bumpy-restart',
    strategy: 'restart',
    dependsOn: steps,
    crashes: [0, 2, 2],
  },
];

describe('a task whose step ends the backend', () => {
  let site: TestSite;
  const replicas: Replica[] = [];
  afterEach(async () => {
    await Promise.all(replicas.splice(0).map(r => r.close()));
    await site.remove();
  });

  async function createBackend(name: string) {
    return site.createBackend(
      name,
      { recoverTasksTimeout: { seconds: 5 } },
      {
        entry: path.join(__dirname, '../../dev/chaos/backend.ts'),
        config: {
          catalog: {
            locations: [
              { type: 'file', target: path.join(site.directory, 't/*.yaml') },
            ],
          },
          chaos: { journals: path.join(site.directory, 'journals') },
        },
      },
    );
  }

  async function createSite(engine: 'SQLite' | 'PostgreSQL') {
    site = await TestSite.create(engine);
    await writeTemplates(path.join(site.directory, 't'), TEMPLATES);
  }

  /** A backend that is started again whenever it has ended. */
  async function startSupervised(): Promise<{
    client: ScaffolderClient;
    replica: Replica;
  }> {
    const replica = new Replica('backend', await createBackend('backend'));
    replicas.push(replica);
    replica.open();
    await replica.untilReady();
    return { client: await ScaffolderClient.asGuest(replica.url), replica };
  }

  const start = (
    client: ScaffolderClient,
    template: string,
    ms: number,
    firstMs = ms,
  ) =>
    client.dispatch(
      `template:default/${template}`,
      { name: template, ms: [firstMs, ms, ms] },
      { chaos: `secret-of-${template}` },
    );

  /** The processes in which a step began, in their order. */
  const processesOf = (taskId: string, stepId: string) =>
    readJournals(path.join(site.directory, 'journals'))
      .filter(
        e => e.kind === 'begin' && e.taskId === taskId && e.stepId === stepId,
      )
      .map(e => e.pid);

  const errorOf = async (client: ScaffolderClient, id: string) =>
    (await client.events(id)).at(-1)?.body.error?.message;

  const STOPPED =
    /^Interrupted at step 'step2': .* 4 attempts at step 'step2' .* 3 recoveries \(scaffolder\.recoverTasksMaxAttempts\).* press Retry/;

  it('is closed after three recoveries, while the healthy ones beside it complete', async () => {
    await createSite('SQLite');
    const { client, replica } = await startSupervised();
    const healthy: string[] = [];
    for (let i = 0; i < 4; i++) {
      // No step of theirs can finish between two crashes.
      healthy.push(await start(client, 'healthy', 3_000));
    }
    const poisoned = await start(client, 'poisoned-idempotent', 100);

    for (const id of healthy) {
      expect(await client.waitForEnd(id, 240_000)).toMatchObject({
        status: 'completed',
      });
    }
    expect(await client.waitForEnd(poisoned)).toMatchObject({
      status: 'failed',
    });
    expect(await errorOf(client, poisoned)).toMatch(STOPPED);
    expect(new Set(processesOf(poisoned, 'step2')).size).toBe(4);
    expect(processesOf(poisoned, 'step2')).toHaveLength(4);
    // That many and no more: no crash came of another task.
    expect(replica.lifetimes).toHaveLength(5);
  });

  it('is tried anew when another step has finished in between', async () => {
    await createSite('SQLite');
    const { client } = await startSupervised();
    const id = await start(client, 'bumpy-restart', 100);
    expect(await client.waitForEnd(id, 240_000)).toMatchObject({
      status: 'completed',
    });
    // Each ended two processes, four in all, which is more than the limit.
    expect(processesOf(id, 'step3')).toHaveLength(3);
    expect(new Set(processesOf(id, 'step3')).size).toBe(3);
  });

  it('is closed after three recoveries also if each of them hits another replica', async () => {
    await createSite('PostgreSQL');
    const first = await createBackend('first');
    const second = await createBackend('second');
    const client = await first.start();
    await second.start();
    const poisoned = await start(client, 'poisoned-restart', 100);
    await first.exited();
    await second.exited();
    for (const backend of [first, second]) {
      // It may end before it is ready, since it opens the task when it starts.
      await backend.boot().catch(() => {});
      await backend.exited();
    }

    const survivor = await first.start();
    await second.start();
    expect(await survivor.waitForEnd(poisoned)).toMatchObject({
      status: 'failed',
    });
    expect(await errorOf(survivor, poisoned)).toMatch(STOPPED);
    expect(new Set(processesOf(poisoned, 'step2')).size).toBe(4);
    expect(first.hasExited || second.hasExited).toBe(false);
  });

  it('has its isolated final attempt when those that were interrupted as often are through', async () => {
    await createSite('SQLite');
    const { client, replica } = await startSupervised();
    const poisoned = await start(client, 'poisoned-twice', 100, 10_000);
    // Its first step can only finish if it is not interrupted a third time.
    const healthy = await start(client, 'healthy', 100, 25_000);

    expect(await client.waitForEnd(healthy, 180_000)).toMatchObject({
      status: 'completed',
    });
    expect((await client.task(poisoned)).status).toBe('processing');
    expect(processesOf(healthy, 'step1')).toHaveLength(3);
    expect(processesOf(poisoned, 'step2')).toHaveLength(2);

    expect(await client.waitForEnd(poisoned, 180_000)).toMatchObject({
      status: 'failed',
    });
    expect(await errorOf(client, poisoned)).toContain(
      "step 'step2' was tried 3 times",
    );
    expect(replica.lifetimes).toHaveLength(4);
  });
});

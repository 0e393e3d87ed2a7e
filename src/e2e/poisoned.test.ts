import { Replica } from '../../dev/harness/Replica';
import { ScaffolderClient } from '../../dev/harness/ScaffolderClient';
import { StepSite, StepTemplate } from '../../dev/harness/steps/StepSite';

jest.setTimeout(360_000);

const ALWAYS = 1_000;

/** @param crashes - how often each step ends its process before it succeeds */
const template = (
  name: string,
  recovery: { strategy: string; maxAttempts?: number },
  crashes: number[],
): StepTemplate => ({
  name,
  recovery,
  steps: crashes.map((count, i) => ({
    id: `step${i + 1}`,
    does: { ms: `\${{ parameters.ms[${i}] }}`, crashes: count },
  })),
});

const idempotent = { strategy: 'idempotent' };
const restart = { strategy: 'restart' };
const TEMPLATES = [
  template('healthy', idempotent, [0, 0, 0]),
  template('poisoned-idempotent', idempotent, [0, ALWAYS, 0]),
  template('poisoned-restart', restart, [0, ALWAYS, 0]),
  template('poisoned-twice', { ...restart, maxAttempts: 2 }, [0, ALWAYS, 0]),
  // Its first step finishes in every run.
  template('bumpy-restart', restart, [0, 2, 2]),
];

describe('a task whose step ends the backend', () => {
  let site: StepSite;
  afterEach(() => site.remove());

  /** A backend that is started again whenever it has ended. */
  async function startSupervised(): Promise<{
    client: ScaffolderClient;
    replica: Replica;
  }> {
    const backend = await site.createBackend('backend');
    const replica = await site.site.supervise('backend', backend);
    return { client: await ScaffolderClient.asGuest(replica.url), replica };
  }

  const start = (
    client: ScaffolderClient,
    name: string,
    ms: number,
    firstMs = ms,
  ) =>
    client.dispatch(`template:default/${name}`, {
      ms: [firstMs, ms, ms],
    });

  /** The processes in which a step began, in their order. */
  const processesOf = (taskId: string, stepId: string) =>
    site.site
      .journal(taskId, stepId)
      .filter(e => e.kind === 'begin')
      .map(e => e.pid);

  const errorOf = async (client: ScaffolderClient, id: string) =>
    (await client.events(id)).at(-1)?.body.error?.message;

  const STOPPED =
    /^Interrupted at step 'step2': .* step 'step2' was tried 4 times and the task got no further, so it may be what ends the backend\. The limit is 3 recoveries \(scaffolder\.recoverTasksMaxAttempts\)\..* press Retry/;

  it('is closed after three recoveries, while the healthy ones beside it complete', async () => {
    site = await StepSite.create('SQLite', TEMPLATES);
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
    site = await StepSite.create('SQLite', TEMPLATES);
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
    site = await StepSite.create('PostgreSQL', TEMPLATES);
    const first = await site.createBackend('first');
    const second = await site.createBackend('second');
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

  it('has its last recovery when those that were interrupted as often are through', async () => {
    site = await StepSite.create('SQLite', TEMPLATES);
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

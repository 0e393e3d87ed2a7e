import { Replica } from '../../../dev/harness/backend/Replica';
import { ScaffolderClient } from '../../../dev/harness/backend/ScaffolderClient';
import { waitFor } from '../../../dev/harness/waitFor';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { withSite } from '../__testUtils__/withSite';
import { TASKS } from '../../scaffolder/tables';
import { silentForAtLeast } from '../../database/time';

jest.setTimeout(900_000);

/** Far more than it takes, beside other tests on a slow machine. */
const END_MS = 600_000;

/**
 * By the time that a backend starts again after so long, its tasks are interrupted. It opens them at once instead of handing them over
 * to the scaffolder's poll.
 */
const RESTART_MS = 6_000;

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
  /** Runs a test with a backend that is started again whenever it has ended. */
  const withSupervised = (
    test: (options: {
      site: StepSite;
      client: ScaffolderClient;
      replica: Replica;
    }) => Promise<void>,
  ): Promise<void> =>
    withSite(StepSite.create('SQLite', TEMPLATES), async site => {
      const backend = await site.createBackend('backend');
      const replica = await site.site.supervise('backend', backend, RESTART_MS);
      const client = await ScaffolderClient.asGuest(replica.url);
      await test({ site, client, replica });
    });

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
  const processesOf = (site: StepSite, taskId: string, stepId: string) =>
    site.site
      .journal(taskId, stepId)
      .filter(e => e.kind === 'begin')
      .map(e => e.pid);

  const errorOf = async (client: ScaffolderClient, id: string) =>
    (await client.events(id)).at(-1)?.body.error?.message;

  const STOPPED =
    /^Interrupted at step 'step2': .* 4 attempts at step 'step2' .* 3 recoveries \(scaffolder\.recoverTasksMaxAttempts\).* press Retry/;

  it.concurrent(
    'is closed after three recoveries, while the healthy ones beside it complete',
    () =>
      withSupervised(async ({ site, client, replica }) => {
        const healthy: string[] = [];
        for (let i = 0; i < 4; i++) {
          // No step of theirs can finish between two crashes.
          healthy.push(await start(client, 'healthy', 3_000));
        }
        const poisoned = await start(client, 'poisoned-idempotent', 100);

        for (const id of healthy) {
          expect(await client.waitForEnd(id, END_MS)).toMatchObject({
            status: 'completed',
          });
        }
        expect(await client.waitForEnd(poisoned, END_MS)).toMatchObject({
          status: 'failed',
        });
        expect(await errorOf(client, poisoned)).toMatch(STOPPED);
        expect(new Set(processesOf(site, poisoned, 'step2')).size).toBe(4);
        expect(processesOf(site, poisoned, 'step2')).toHaveLength(4);
        // That many and no more: no crash came of another task.
        expect(replica.lifetimes).toHaveLength(5);
      }),
  );

  it.concurrent('is tried anew when another step has finished in between', () =>
    withSupervised(async ({ site, client }) => {
      const id = await start(client, 'bumpy-restart', 100);
      expect(await client.waitForEnd(id, END_MS)).toMatchObject({
        status: 'completed',
      });
      // Each ended two processes, four in all, which is more than the limit.
      expect(processesOf(site, id, 'step3')).toHaveLength(3);
      expect(new Set(processesOf(site, id, 'step3')).size).toBe(3);
    }),
  );

  it.concurrent(
    'is closed after three recoveries also if each of them hits another replica',
    () =>
      withSite(StepSite.create('PostgreSQL', TEMPLATES), async site => {
        const first = await site.createBackend('first');
        const second = await site.createBackend('second');
        const client = await first.start();
        await second.start();
        const poisoned = await start(client, 'poisoned-restart', 100);
        await first.exited();
        await second.exited();
        const knex = site.site.openScaffolderDatabase();
        for (const backend of [first, second]) {
          await waitFor('the task to be interrupted', () =>
            knex(TASKS).where(silentForAtLeast(knex, 6)).first(),
          );
          // It may end before it is ready, since it opens the task when it starts.
          await backend.boot().catch(() => {});
          await backend.exited();
        }

        const survivor = await first.start();
        await second.start();
        expect(await survivor.waitForEnd(poisoned, END_MS)).toMatchObject({
          status: 'failed',
        });
        expect(await errorOf(survivor, poisoned)).toMatch(STOPPED);
        expect(new Set(processesOf(site, poisoned, 'step2')).size).toBe(4);
        expect(first.hasExited || second.hasExited).toBe(false);
      }),
  );

  it.concurrent(
    'has its final attempt alone, while those that were interrupted as often wait',
    () =>
      withSupervised(async ({ site, client, replica }) => {
        const poisoned = await start(client, 'poisoned-twice', 100, 10_000);
        // Its first step can only finish if it is not interrupted a third time.
        const healthy = await start(client, 'healthy', 100, 25_000);

        expect(await client.waitForEnd(poisoned, END_MS)).toMatchObject({
          status: 'failed',
        });
        expect(await errorOf(client, poisoned)).toContain(
          "3 attempts at step 'step2'",
        );
        expect((await client.task(healthy)).status).toBe('processing');
        expect(await client.waitForEnd(healthy, END_MS)).toMatchObject({
          status: 'completed',
        });
        expect(processesOf(site, healthy, 'step1')).toHaveLength(3);
        expect(processesOf(site, poisoned, 'step2')).toHaveLength(3);
        expect(replica.lifetimes).toHaveLength(4);
      }),
  );
});

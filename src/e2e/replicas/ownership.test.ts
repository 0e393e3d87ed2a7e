import fs from 'node:fs';
import path from 'node:path';
import { ScaffolderClient } from '../../../dev/harness/backend/ScaffolderClient';
import { readDifferences } from '../../../dev/harness/story';
import { waitFor } from '../../../dev/harness/waitFor';
import { insertEvent } from '../../__testUtils__/scaffolderDatabase';
import { ATTEMPTS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { secondsAgo } from '../../database/time';
import { TestSite, WITHOUT_MODULE } from '../../../dev/harness/TestSite';

jest.setTimeout(180_000);

const ENTRY = path.join(__dirname, '../__testUtils__/forwardedEvents.ts');

describe('a replica', () => {
  let site: TestSite;
  afterEach(() => site.remove());

  /** Resolves when a task runs again. */
  const untilRunsAgain = (client: ScaffolderClient, id: string) =>
    waitFor(`task ${id} to run again`, async () => {
      const events = await client.events(id);
      const recovered = events.findIndex(e => e.type === 'recovered');
      return (
        recovered >= 0 &&
        events.slice(recovered).some(e => e.body.status === 'processing')
      );
    });

  it('recovers the task of a killed one without the module, though its claim was announced here and its folder is still there', async () => {
    site = await TestSite.create('PostgreSQL');
    const first = await site.createBackend(
      'first',
      { recoverTasksTimeout: { seconds: 5 } },
      { entry: ENTRY },
    );
    const client = await first.start();
    // Switched off, the module does nothing at all.
    const other = await site.createBackend('other', WITHOUT_MODULE, {
      entry: ENTRY,
      config: { forwardEventsTo: first.url },
    });
    const otherClient = await other.start();
    const id = await otherClient.dispatch('template:default/sample-restart', {
      name: 'service-restart',
      seconds: 5,
    });
    await otherClient.waitForStep(id, 'transform');
    await waitFor('the claim to be announced', async () =>
      (await first.log()).includes(
        `Event of another process: task ${id} is processing`,
      ),
    );
    await other.kill();
    expect(fs.existsSync(path.join(site.workingDirectory, id))).toBe(true);

    const { gitDirectory } = site;
    expect(
      await readDifferences(client, { ids: { restart: id }, gitDirectory }),
    ).toEqual([]);
    // The check of the scaffolder does not take it for a claim of this process that was not seen.
    expect(await first.log()).not.toContain('tested with scaffolder');
  });

  it('that was stalled, and claims its own task again, lets its earlier run end before it begins', async () => {
    site = await TestSite.create('PostgreSQL');
    const timeout = { recoverTasksTimeout: { seconds: 5 } };
    const stalled = await site.createBackend('stalled', timeout);
    // It decides, and runs nothing.
    const other = await site.createBackend(
      'other',
      { ...timeout, concurrentTasksLimit: 0 },
      { isOwnHost: true },
    );
    const client = await stalled.start();
    await other.start();
    const id = await client.dispatch('template:default/sample-restart', {
      name: 'service-restart',
      seconds: 15,
    });
    await client.waitForStep(id, 'transform');
    const knex = site.openScaffolderDatabase();

    stalled.signal('SIGSTOP');
    await waitFor('the decision', async () =>
      knex(ATTEMPTS).where({ task_id: id }).first(),
    );
    // As the scaffolder of a further replica opens it, which is too busy to run it.
    await insertEvent(knex, id, 'recovered', { recoverStrategy: 'restart' });
    await knex(TASKS).where({ id }).update({ status: 'open' });
    stalled.signal('SIGCONT');
    // Wakes the worker.
    await client.dispatch('template:default/sample-restart', {
      name: 'service-other',
      seconds: 0,
    });
    await waitFor('the second run to wait', async () =>
      (await stalled.log()).includes(
        `Task ${id} waits: an earlier run of it in this process`,
      ),
    );
    const { gitDirectory } = site;
    expect(
      await readDifferences(client, { ids: { restart: id }, gitDirectory }),
    ).toEqual([]);
    const events = await client.events(id);
    const again = events.slice(
      events.findLastIndex(({ type }) => type === 'recovered'),
    );
    const begun = again.filter(({ body }) => body.status === 'processing');
    const steps = begun.map(({ body }) => body.stepId);
    expect(steps).toEqual([...new Set(steps)]);
    expect(steps.length).toBeGreaterThan(2);
    // The earlier run said nothing more of its own, once the task was queued again, but that it is not alone.
    expect(again.filter(({ body }) => body.status === 'failed')).toEqual([]);
  });

  it('that ends since it lost ownership of a task leaves its other task to be recovered within seconds, at no cost', async () => {
    site = await TestSite.create('PostgreSQL');
    const scaffolder = {
      recoverTasksTimeout: { minutes: 1 },
      recoverTasksExitOnLostOwnership: true,
    };
    const [first, second] = await Promise.all(
      ['first', 'second'].map(name =>
        site.createBackend(name, scaffolder, { isOwnHost: true }),
      ),
    );
    const client = await first.start();
    const survivor = await second.start();
    const dispatch = (name: string) =>
      client.dispatch('template:default/sample-restart', { name, seconds: 60 });
    const [lost, kept] = [await dispatch('lost'), await dispatch('kept')];
    await client.waitForStep(lost, 'transform');
    await client.waitForStep(kept, 'transform');
    const knex = site.openScaffolderDatabase();

    first.signal('SIGSTOP');
    // Only this one is reclaimed while the process is stopped.
    await knex(TASKS)
      .where({ id: lost })
      .update({ last_heartbeat_at: secondsAgo(knex, 600) });
    await untilRunsAgain(survivor, lost);
    expect(await knex(ATTEMPTS).where({ task_id: kept })).toEqual([]);
    first.signal('SIGCONT');
    await waitFor('the process to end', async () => first.hasExited, {
      timeoutMs: 5_000,
    });
    const exitedAt = Date.now();
    await untilRunsAgain(survivor, kept);
    expect(Date.now() - exitedAt).toBeLessThan(30_000);

    const [attempt] = await knex(ATTEMPTS).where({ task_id: kept });
    expect(attempt).toMatchObject({ attempt: 1, spent: 0 });
    expect(Boolean(attempt.planned)).toBe(true);
    expect(attempt.seconds_silent).toBeLessThan(15);
    // The run that reclaimed the task goes on, and does not count as shut down.
    const attempts = await knex(ATTEMPTS).where({ task_id: lost });
    expect(attempts).toMatchObject([{ attempt: 1, spent: 1 }]);
    expect(Boolean(attempts[0].planned)).toBe(false);
  });
});

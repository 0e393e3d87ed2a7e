import fs from 'node:fs';
import path from 'node:path';
import { readDifferences, startStory } from '../../../dev/harness/story';
import { waitFor } from '../../../dev/harness/waitFor';
import { TASKS } from '../../scaffolder/tables';
import { silentForAtLeast } from '../../database/time';
import { TestSite, WITHOUT_MODULE } from '../../../dev/harness/TestSite';

jest.setTimeout(180_000);

describe('a replica that is killed while another one lives', () => {
  let site: TestSite;
  afterEach(() => site.remove());

  it('has its tasks recovered by another one, without a restart and without a further dispatch', async () => {
    site = await TestSite.create('PostgreSQL');
    const scaffolder = { recoverTasksTimeout: { seconds: 5 } };
    const first = await site.createBackend('first', scaffolder);
    const second = await site.createBackend('second', scaffolder);
    const client = await first.start();
    const survivor = await second.start();

    const ids = await startStory(client, 3);
    const cancelled = await client.dispatch('template:default/sample-restart', {
      name: 'cancelled',
      seconds: 30,
    });
    await client.waitForStep(cancelled, 'transform');
    await first.kill();
    await survivor.cancel(cancelled);

    expect(
      await readDifferences(survivor, { ids, gitDirectory: site.gitDirectory }),
    ).toEqual([]);
    expect(await survivor.waitForEnd(cancelled)).toMatchObject({
      status: 'cancelled',
    });
    const closing = (await survivor.events(cancelled)).at(-1);
    expect(closing).toMatchObject({
      type: 'completion',
      body: { message: expect.stringContaining('closed as cancelled') },
    });
  });

  it('has its tasks handed over by a replica that runs none itself', async () => {
    site = await TestSite.create('PostgreSQL');
    const scaffolder = { recoverTasksTimeout: { seconds: 5 } };
    const first = await site.createBackend('first', scaffolder);
    const idle = await site.createBackend('idle', {
      ...scaffolder,
      concurrentTasksLimit: 0,
    });
    const client = await first.start();
    const observer = await idle.start();
    const ids = await startStory(client, 3);
    await first.kill();

    await waitFor('the idle replica to close a task', async () => {
      return (await observer.task(ids.none)).status === 'failed';
    });
    expect((await observer.task(ids.restart)).status).toBe('processing');

    // It starts while the hand-over is pending, and completes it. What it left in its folders is not published.
    for (const id of [ids.restart, ids.idempotent]) {
      const folder = path.join(site.workingDirectory, id);
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, 'leftover'), 'x');
    }
    const back = await first.start();
    expect(
      await readDifferences(back, {
        ids: { restart: ids.restart, idempotent: ids.idempotent },
        gitDirectory: site.gitDirectory,
      }),
    ).toEqual([]);
    expect(await first.log()).toContain(
      'it was handed over and nobody had claimed it',
    );
  });

  it('leaves to a replica that sleeps what the one that starts cannot run', async () => {
    site = await TestSite.create('PostgreSQL');
    const createBackend = (name: string, scaffolder: object) =>
      site.createBackend(
        name,
        { recoverTasksTimeout: { seconds: 5 }, ...scaffolder },
        { isOwnHost: true },
      );
    const first = await createBackend('first', {});
    // Without the module, so that it is sure which of them decides.
    const asleep = await createBackend('asleep', WITHOUT_MODULE);
    const second = await createBackend('second', { concurrentTasksLimit: 2 });
    const client = await first.start();
    await asleep.start();
    const ids: string[] = [];
    for (const name of ['one', 'two', 'three', 'four']) {
      const values = { name, seconds: 20 };
      ids.push(
        await client.dispatch('template:default/sample-restart', values),
      );
    }
    await Promise.all(ids.map(id => client.waitForStep(id, 'transform')));
    await first.kill();
    const knex = site.openScaffolderDatabase();
    await waitFor('the tasks to be interrupted', async () => {
      const rows = await knex(TASKS).where(silentForAtLeast(knex, 5));
      return rows.length === ids.length;
    });

    const observer = await second.start();
    await Promise.all(ids.map(id => observer.waitForEnd(id)));
    const recovered = await Promise.all(
      ids.map(async id =>
        (await observer.events(id)).filter(({ type }) => type === 'recovered'),
      ),
    );
    expect(recovered.map(({ length }) => length)).toEqual([1, 1, 1, 1]);
    const log = await asleep.log();
    const ranThere = ids.filter(id => log.includes(`work-asleep/${id}`));
    // One was left to it, and it took what was open when it woke.
    expect(ranThere).toHaveLength(2);
  });
});

import fs from 'node:fs';
import path from 'node:path';
import { readDifferences, startStory } from '../../../dev/harness/story';
import { waitFor } from '../../../dev/harness/waitFor';
import { TestSite } from '../../../dev/harness/TestSite';
import { withSite } from '../__testUtils__/withSite';

jest.setTimeout(180_000);

describe('a replica that is killed while another one lives', () => {
  it.concurrent(
    'has its tasks recovered by another one, without a restart and without a further dispatch',
    () =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const scaffolder = { recoverTasksTimeout: { seconds: 5 } };
        const first = await site.createBackend('first', scaffolder);
        const second = await site.createBackend('second', scaffolder);
        const client = await first.start();
        const survivor = await second.start();

        const ids = await startStory(client, 10);
        const cancelled = await client.dispatch(
          'template:default/sample-restart',
          {
            name: 'cancelled',
            seconds: 30,
          },
        );
        await client.waitForStep(cancelled, 'transform');
        await first.kill();
        await survivor.cancel(cancelled);

        expect(
          await readDifferences(survivor, {
            ids,
            gitDirectory: site.gitDirectory,
          }),
        ).toEqual([]);
        expect(await survivor.waitForEnd(cancelled)).toMatchObject({
          status: 'cancelled',
        });
        const closing = (await survivor.events(cancelled)).at(-1);
        expect(closing).toMatchObject({
          type: 'completion',
          body: { message: expect.stringContaining('closed as cancelled') },
        });
      }),
  );

  it.concurrent(
    'has its tasks handed over by a replica that runs none itself',
    () =>
      withSite(TestSite.create('PostgreSQL'), async site => {
        const scaffolder = { recoverTasksTimeout: { seconds: 5 } };
        const first = await site.createBackend('first', scaffolder);
        const idle = await site.createBackend('idle', {
          ...scaffolder,
          concurrentTasksLimit: 0,
        });
        const client = await first.start();
        const observer = await idle.start();
        const ids = await startStory(client, 10);
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
      }),
  );
});

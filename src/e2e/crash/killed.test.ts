import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PACKAGE, packModule } from '../../../dev/harness/prepare/packModule';
import { readDifferences, startStory } from '../../../dev/harness/story';
import { waitFor } from '../../../dev/harness/waitFor';
import { ENGINES, TestSite } from '../../../dev/harness/TestSite';
import { CLAIMS } from '../../database/tables';
import { silenceTasks } from '../__testUtils__/silenceTasks';
import { withSite } from '../__testUtils__/withSite';

jest.setTimeout(600_000);

const REPOSITORY = path.resolve(__dirname, '../../..');

/** Installs the tarball of the package beside another backend and returns that backend's entry. */
function installTarball(directory: string): string {
  const installed = path.join(directory, 'app/node_modules', PACKAGE);
  fs.mkdirSync(installed, { recursive: true });
  // Node looks for modules in the folders above as well, so the backend finds all others here.
  fs.symlinkSync(
    path.join(REPOSITORY, 'node_modules'),
    path.join(directory, 'node_modules'),
  );
  execFileSync('tar', [
    ...['xzf', packModule(directory)],
    ...['-C', installed, '--strip-components=1'],
  ]);

  const entry = path.join(directory, 'app/index.ts');
  const source = fs
    .readFileSync(path.join(REPOSITORY, 'dev/index.ts'), 'utf8')
    .replaceAll(`'./`, `'${REPOSITORY}/dev/`)
    .replaceAll(`'../src`, `'${PACKAGE}`);
  fs.writeFileSync(entry, source);
  return entry;
}

/** Half-written files that must not get into the repository. The process left the folders. */
function leaveFilesBehind(site: TestSite, ids: string[]): void {
  for (const id of ids) {
    fs.writeFileSync(path.join(site.workingDirectory, id, 'leftover'), 'x');
  }
}

describe('a backend that is killed in the middle of running tasks', () => {
  const packed = fs.mkdtempSync(path.join(os.tmpdir(), 'recovery-packed-'));
  let tarballEntry: string;

  beforeAll(() => {
    tarballEntry = installTarball(packed);
  });
  afterAll(() => fs.rmSync(packed, { recursive: true, force: true }));

  it.concurrent(
    'has a command in the tarball that checks templates',
    async () => {
      const stdout = execFileSync(
        process.execPath,
        [
          path.join(packed, 'app/node_modules', PACKAGE, 'bin/recovery.js'),
          ...['check', path.join(REPOSITORY, 'dev/templates/*.yaml')],
        ],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      );
      expect(stdout).toContain(`template 'sample-idempotent'`);
    },
  );

  it.concurrent.each(
    ENGINES.flatMap(
      engine =>
        [
          [engine, 'the source'],
          [engine, 'the tarball'],
        ] as const,
    ),
  )(
    'and started again treats each as its template asks, on %s, from %s',
    (engine, from) =>
      withSite(TestSite.create(engine), async site => {
        const backend = await site.createBackend(
          'backend',
          { recoverTasksTimeout: { seconds: 5 } },
          from === 'the tarball' ? { entry: tarballEntry } : {},
        );
        const ids = await startStory(await backend.start(), 10);
        await backend.kill();
        leaveFilesBehind(site, Object.values(ids));
        await silenceTasks(site, 60);

        const client = await backend.start();
        expect(
          await readDifferences(client, {
            ids,
            gitDirectory: site.gitDirectory,
          }),
        ).toEqual([]);

        const none = await client.events(ids.none);
        expect(none.at(-1)).toMatchObject({
          type: 'completion',
          body: {
            error: {
              message: expect.stringContaining(
                'its template has no recovery strategy',
              ),
            },
          },
        });
        // Its folder went as well, and those of the others with the end of their runs.
        await waitFor(
          'the workspaces to be gone',
          async () => fs.readdirSync(site.workingDirectory).length === 0,
        );
        // Opened in the startup hook, so one event of the module's and none of the scaffolder's.
        expect(
          (await client.events(ids.restart))
            .filter(e => e.type === 'recovered')
            .map(e => e.body.recoverStrategy),
        ).toEqual(['restart']);

        await waitFor('the record of how they ended', async () =>
          (await client.attempts()).every(a => a.outcome !== 'running'),
        );
        expect(
          (await client.attempts())
            .map(a => `${a.strategy}: ${a.decision}, ${a.outcome}`)
            .sort(),
        ).toEqual([
          'idempotent: resume, completed',
          'none: failed, closed',
          'restart: restart, completed',
        ]);
        for (const id of Object.values(ids)) {
          expect(await backend.log()).toMatch(
            new RegExp(
              `scaffolder\\.task.*"actionType":"recover","taskId":"${id}".*succeeded`,
            ),
          );
        }
      }),
  );

  it.concurrent.each(ENGINES)(
    'and started again before the timeout recovers its tasks all the same, if nothing but their silence is known; on %s',
    engine =>
      withSite(TestSite.create(engine), async site => {
        const backend = await site.createBackend('backend', {
          recoverTasksTimeout: { minutes: 30 },
        });
        const ids = await startStory(await backend.start(), 10);
        await backend.kill();
        leaveFilesBehind(site, Object.values(ids));
        await site.openScaffolderDatabase()(CLAIMS).delete();

        const client = await backend.start();
        expect(await client.attempts()).toEqual([]);
        await silenceTasks(site, 3_600);
        expect(
          await readDifferences(client, {
            ids,
            gitDirectory: site.gitDirectory,
          }),
        ).toEqual([]);
        // Handed over: the event is the scaffolder's, which does not know the strategy.
        expect(
          (await client.events(ids.restart))
            .filter(e => e.type === 'recovered')
            .map(e => e.body.recoverStrategy),
        ).toEqual(['none']);
      }),
  );
});

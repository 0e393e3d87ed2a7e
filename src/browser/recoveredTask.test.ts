import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { Browser, chromium, Page } from 'playwright-core';
import { BackendProcess } from '../../dev/harness/backend/BackendProcess';
import { buildApp } from '../../dev/harness/prepare/buildApp';
import { findChromium } from '../../dev/harness/prepare/findChromium';
import { waitFor } from '../../dev/harness/waitFor';
import { TaskPage } from './TaskPage';
import { TestSite } from '../../dev/harness/TestSite';

jest.setTimeout(180_000);

/** The page reconnects to a lost backend every 15 seconds. A task that goes on must still run when it finds it. */
const SLOW_STEP_SECONDS = 30;

const IN_SLOW_STEP = {
  'Create the repository': 'completed',
  'Fetch the skeleton': 'completed',
  'Transform the files': 'running',
  Publish: 'open',
};

// What a run writes into the log.
const CREATE = [
  'Beginning step Create the repository',
  'Finished step Create the repository',
];
const FETCH = [
  'Beginning step Fetch the skeleton',
  'Finished step Fetch the skeleton',
];
const TRANSFORM = ['Beginning step Transform the files'];
const INTERRUPTED = [
  expect.stringMatching(
    /^Interrupted at step 'transform': the backend that ran this task crashed \(its process is gone\) and sent no heartbeat for \d+ s\.$/,
  ),
];

describe('the scaffolder page, when the backend is killed in the middle of a task', () => {
  let browser: Browser;
  let packageName: string;
  let site: TestSite;
  let backend: BackendProcess;
  let page: Page;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: findChromium(),
      // Chromium's sandbox does not work for root.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    });
    packageName = buildApp();
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    site = await TestSite.create('SQLite');
    backend = await site.createBackend(
      'backend',
      { recoverTasksTimeout: { seconds: 5 } },
      { config: { app: { packageName } } },
    );
    await backend.boot();
    page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    // The narrow menu leaves more room for the log.
    await page.addInitScript(() =>
      localStorage.setItem('sidebarPinState', 'false'),
    );
    await page.goto(backend.url);
  });
  afterEach(async () => {
    await page?.close();
    await site?.remove();
  });

  /** Waits until an expectation holds. */
  async function eventually(what: string, expectation: () => Promise<void>) {
    await waitFor(what, async () => {
      await expectation();
      return true;
    });
  }

  /** For the documentation. */
  async function takePicture(name: string): Promise<void> {
    const { RECOVERY_PICTURES } = process.env;
    if (RECOVERY_PICTURES) {
      await page.screenshot({
        path: path.resolve(RECOVERY_PICTURES, `${name}.png`),
      });
    }
  }

  /** The first row of the list of tasks. */
  async function readTaskList(): Promise<string[]> {
    return page.locator('tbody tr:first-child td').allInnerTexts();
  }

  it('shows, without a reload, that a task goes on at the interrupted step, and what it gives out', async () => {
    const task = await TaskPage.create(page, {
      template: 'Goes on',
      name: 'my-service',
      seconds: SLOW_STEP_SECONDS,
    });
    await eventually('the slow step to run', async () => {
      expect(await task.steps()).toEqual(IN_SLOW_STEP);
      expect(await task.log()).toEqual([...CREATE, ...FETCH, ...TRANSFORM]);
    });
    expect(await task.alerts()).toEqual([]);
    await takePicture('running');

    await backend.kill();
    await eventually('the page to notice that', async () =>
      expect(await task.alerts()).toEqual(['Error: network error']),
    );
    expect(await task.steps()).toEqual(IN_SLOW_STEP);
    expect(await task.log()).toEqual([...CREATE, ...FETCH, ...TRANSFORM]);
    await takePicture('backend-gone');

    await backend.boot();
    const untilSlowStep = [
      ...CREATE,
      'Skipping step repository because it was already completed in a previous run',
      ...FETCH,
      'Skipping step fetch because it was already completed in a previous run',
      ...TRANSFORM,
      ...INTERRUPTED,
      `Its template has the recovery strategy 'idempotent': the task goes on at this step.`,
      'Skipped, with their outputs restored: repository, fetch.',
      `The run begins with the files as of the end of step 'fetch'.`,
      ...TRANSFORM,
    ];
    await eventually('the page to show that the task goes on', async () => {
      expect(await task.log()).toEqual(untilSlowStep);
      expect(await task.steps()).toEqual(IN_SLOW_STEP);
    });
    expect(await task.alerts()).toEqual([]);
    await takePicture('goes-on');

    const completed = Object.fromEntries(
      Object.keys(IN_SLOW_STEP).map(step => [step, 'completed']),
    );
    const wholeLog = [
      ...untilSlowStep,
      'Finished step Transform the files',
      'Beginning step Publish',
      'Finished step Publish',
    ];
    const seeCompleted = async () => {
      expect(await task.steps()).toEqual(completed);
      expect(await task.log()).toEqual(wholeLog);
      expect(await task.output('Published')).toBe(
        publishedIn(path.join(site.gitDirectory, 'my-service.git')),
      );
      expect(await task.alerts()).toEqual([]);
    };
    await eventually('the task to complete', seeCompleted);
    await takePicture('completed');

    await page.reload();
    await eventually('the same for whoever comes later', seeCompleted);

    await page.getByRole('link', { name: 'Tasks' }).first().click();
    await eventually('the list of tasks', async () =>
      expect(await readTaskList()).toEqual(
        expect.arrayContaining(['Goes on', 'completed']),
      ),
    );
  });

  it('shows that a task which must not run twice has failed, and why', async () => {
    const task = await TaskPage.create(page, {
      template: 'Must not run twice',
      name: 'my-service',
      seconds: SLOW_STEP_SECONDS,
    });
    await eventually('the slow step to run', async () =>
      expect(await task.steps()).toEqual(IN_SLOW_STEP),
    );

    const url = page.url();
    await backend.kill();
    await expect(page.reload()).rejects.toThrow('ERR_CONNECTION_REFUSED');
    await backend.boot();
    await page.goto(url);
    const closed = [
      ...INTERRUPTED,
      `It was not run again, because its template has no recovery strategy, which counts as 'none'.`,
      'Check what its steps have done so far, then start it again.',
    ];
    await eventually('the page to show the end', async () => {
      expect(await task.steps()).toEqual({
        ...IN_SLOW_STEP,
        'Transform the files': 'failed',
      });
      expect(await task.alerts()).toEqual([
        expect.stringContaining(closed.slice(1).join(' ')),
      ]);
      expect(await task.log()).toEqual([
        ...CREATE,
        ...FETCH,
        ...TRANSFORM,
        ...closed,
      ]);
    });
    await takePicture('must-not-run-twice');

    await page.getByRole('link', { name: 'Tasks' }).first().click();
    await eventually('the list of tasks', async () =>
      expect(await readTaskList()).toEqual(
        expect.arrayContaining(['Must not run twice', 'failed']),
      ),
    );
  });
});

/** What the templates give out, by what is in the repository. */
function publishedIn(repository: string): string {
  const commit = execFileSync(
    'git',
    ['--git-dir', repository, 'rev-parse', 'main'],
    { encoding: 'utf8' },
  );
  return `${commit.trim()} in ${repository}`;
}

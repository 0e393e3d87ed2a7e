import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StepTemplate } from '../../harness/steps/StepSite';
import { Experiment } from '../experiment';

const TIMEOUT_SECONDS = 5;
const AWAY_SECONDS = 4;
/** When a task that was wrongly taken for interrupted would have been decided on: ten seconds after the outage, and the timeout. */
const WATCHED_SECONDS = 10 + TIMEOUT_SECONDS + 3;

/** The second step ends when there is a file. */
const waiting = (file: string): StepTemplate => ({
  name: 'waiting',
  recovery: { strategy: 'restart' },
  steps: [{ id: 'a' }, { id: 'b', does: { waitsFor: file } }, { id: 'c' }],
});

/** PostgreSQL is stopped under a running step, and started again. */
export const databaseAway: Experiment = {
  engine: 'PostgreSQL',
  checks: ['PostgreSQL away for 4 s: the running step runs once'],
  templates: [waiting('${{ parameters.file }}')],

  async run({ site, server, createBackend, check }) {
    const backend = await createBackend({
      recoverTasks: true,
      recoverTasksTimeout: { seconds: TIMEOUT_SECONDS },
    });
    const client = await backend.start();
    const file = path.join(site.site.directory, 'go-on');
    const id = await client.dispatch('template:default/waiting', { file });
    await client.waitForStep(id, 'b');
    await server!.interrupt(AWAY_SECONDS * 1000);
    await sleep(WATCHED_SECONDS * 1000);
    await fs.writeFile(file, '');
    await check(this.checks[0], async () => {
      assert.equal((await client.waitForEnd(id)).status, 'completed');
      assert.deepEqual(site.counts(id), { a: 1, b: 1, c: 1 });
      assert.deepEqual(await client.attempts(id), []);
    });
  },
};

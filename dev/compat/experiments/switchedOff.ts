import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { signIn } from '../../harness/backend/signIn';
import { READER } from '../backend/users';
import { Experiment } from '../experiment';
import { request } from '../request';
import { RESTART } from './templates';

/** Longer than the timeout, and than the scaffolder's own recovery would take to act. */
const WATCHED_SECONDS = 12;

/** A backend that has the module and does not switch it on. */
export const switchedOff: Experiment = {
  engine: 'SQLite',
  checks: ['switched off it does nothing: no decision, no table, no route'],
  templates: [RESTART],

  async run({ site, createBackend, check }) {
    const backend = await createBackend({
      recoverTasksTimeout: { seconds: 5 },
    });
    let client = await backend.start();
    const id = await client.dispatch(
      'template:default/restart',
      {},
      { key: 'a secret' },
    );
    await client.waitForStep(id, 'b');
    await backend.kill();
    client = await backend.start();
    await sleep(WATCHED_SECONDS * 1000);
    await check(this.checks[0], async () => {
      assert.equal((await client.task(id)).status, 'processing');
      assert.deepEqual(site.counts(id), { a: 1, b: 1 });
      const tables = await site.site
        .openScaffolderDatabase()('sqlite_master')
        .where('name', 'like', '%recovery%')
        .pluck('name');
      assert.deepEqual(tables, []);
      const { status } = await request(backend.url, {
        path: 'scaffolder/recovery/v1/attempts',
        token: await signIn(backend.url, READER),
      });
      assert.equal(status, 404);
    });
  },
};

import assert from 'node:assert/strict';
import { Experiment } from '../experiment';
import { IDEMPOTENT, RESTART, RESUMED } from './templates';

/** The configuration that the README begins with, and nothing else. */
export const twoLines: Experiment = {
  engine: 'SQLite',
  checks: ['`recoverTasks: true` is all the configuration that it needs'],
  templates: [RESTART, IDEMPOTENT],

  async run({ site, createBackend, check }) {
    const backend = await createBackend({ recoverTasks: true });
    let client = await backend.start();
    const restart = await client.dispatch(
      'template:default/restart',
      {},
      { key: 'a secret' },
    );
    const idempotent = await client.dispatch('template:default/idempotent', {});
    for (const id of [restart, idempotent]) {
      await client.waitForStep(id, 'b');
    }
    await backend.kill();
    client = await backend.start();
    await check(this.checks[0], async () => {
      assert.equal((await client.waitForEnd(restart)).status, 'completed');
      assert.deepEqual(site.counts(restart), { a: 2, b: 2 });
      assert.equal((await client.waitForEnd(idempotent)).status, 'completed');
      assert.deepEqual(site.counts(idempotent), RESUMED);
    });
  },
};

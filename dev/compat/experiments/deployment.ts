import assert from 'node:assert/strict';
import { Experiment } from '../experiment';
import { IDEMPOTENT, RESUMED } from './templates';

/** A backend that is asked to end, with a timeout that is much longer than this takes. */
export const deployment: Experiment = {
  engine: 'PostgreSQL',
  checks: ['SIGTERM: a task goes on without the timeout'],
  templates: [IDEMPOTENT],

  async run({ site, createBackend, check }) {
    const backend = await createBackend({
      recoverTasks: true,
      recoverTasksTimeout: { hours: 1 },
    });
    let client = await backend.start();
    const id = await client.dispatch('template:default/idempotent', {});
    await client.waitForStep(id, 'b');
    await backend.kill('SIGTERM');
    client = await backend.start();
    await check(this.checks[0], async () => {
      assert.equal((await client.waitForEnd(id)).status, 'completed');
      assert.deepEqual(site.counts(id), RESUMED);
      const [attempt] = await client.attempts(id);
      assert.equal(attempt.interruptedBy, 'shutdown');
    });
  },
};

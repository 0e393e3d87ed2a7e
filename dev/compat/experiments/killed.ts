import assert from 'node:assert/strict';
import { signIn } from '../../harness/backend/signIn';
import { ENGINES } from '../../harness/TestSite';
import { waitFor } from '../../harness/waitFor';
import { NOBODY, OWNER, READER } from '../backend/users';
import { Experiment } from '../experiment';
import { request } from '../request';
import {
  CHECKPOINT,
  FAILING,
  IDEMPOTENT,
  NONE,
  RESTART,
  RESUMED,
} from './templates';

const SECRET = 'a secret';

/** A backend that is killed in four tasks and started again; and what people do with it afterwards. */
export const killed = (engine: (typeof ENGINES)[number]): Experiment => ({
  engine,
  checks: [
    'killed: `none` is closed, and says why',
    'killed: `restart` runs all steps again, with its secret',
    'killed: `idempotent` goes on, and runs again what is in `dependsOn`',
    'killed: a checkpoint is kept',
    'a failed task that is started again runs again what it must',
    'the API asks for permission',
    'the catalog refuses an invalid recovery',
  ],
  templates: [NONE, RESTART, IDEMPOTENT, CHECKPOINT, FAILING],

  async run({ site, createBackend, check }) {
    const backend = await createBackend({
      recoverTasks: true,
      recoverTasksTimeout: { seconds: 5 },
    });
    let client = await backend.start();
    const dispatch = ({ name }: { name: string }) =>
      client.dispatch(`template:default/${name}`, {}, { key: SECRET });
    const none = await dispatch(NONE);
    const restart = await dispatch(RESTART);
    const idempotent = await dispatch(IDEMPOTENT);
    const guarded = await dispatch(CHECKPOINT);
    for (const id of [none, restart, idempotent]) {
      await client.waitForStep(id, 'b');
    }
    const knex = site.site.openScaffolderDatabase();
    await waitFor('the checkpoint to be stored', async () => {
      const [state] = await knex('tasks').where({ id: guarded }).pluck('state');
      return JSON.stringify(state).includes('effect');
    });
    await backend.kill();
    client = await backend.start();

    const status = async (id: string) => (await client.waitForEnd(id)).status;
    await check(this.checks[0], async () => {
      assert.equal(await status(none), 'failed');
      const { body } = (await client.events(none)).at(-1)!;
      assert.match(body.error!.message, /the recovery strategy 'none'/);
      assert.deepEqual(site.counts(none), { a: 1, b: 1 });
    });
    await check(this.checks[1], async () => {
      assert.equal(await status(restart), 'completed');
      assert.deepEqual(site.counts(restart), { a: 2, b: 2 });
      assert.equal(site.begun(restart)[2].show, SECRET);
    });
    await check(this.checks[2], async () => {
      assert.equal(await status(idempotent), 'completed');
      assert.deepEqual(site.counts(idempotent), RESUMED);
      const again = site.begun(idempotent).findLast(s => s.name === 'b')!;
      assert.equal(again.show, 'alone');
    });
    await check(this.checks[3], async () => {
      assert.equal(await status(guarded), 'completed');
      assert.deepEqual(site.counts(guarded), { a: 2, effect: 1, b: 1 });
    });
    await check(this.checks[4], async () => {
      const id = await dispatch(FAILING);
      assert.equal(await status(id), 'failed');
      await client.retry(id, { key: SECRET });
      assert.equal(await status(id), 'completed');
      assert.deepEqual(site.counts(id), RESUMED);
    });
    await check(this.checks[5], async () => {
      const get = async (path: string, user?: string) =>
        request(backend.url, {
          path: `scaffolder/recovery/v1/${path}`,
          token: user && (await signIn(backend.url, user)),
        });
      const statuses = async (user?: string) => [
        (await get('attempts', user)).status,
        (await get(`tasks/${none}`, user)).status,
      ];
      assert.deepEqual(await statuses(READER), [200, 200]);
      assert.deepEqual(await statuses(OWNER), [200, 404]);
      assert.deepEqual(await statuses(NOBODY), [403, 403]);
      assert.deepEqual(await statuses(), [401, 401]);
      assert.deepEqual(JSON.parse((await get('attempts', OWNER)).text), {
        items: [],
        pageInfo: {},
      });
    });
    await check(this.checks[6], async () => {
      const validate = async (strategy: string) =>
        request(backend.url, {
          path: 'catalog/validate-entity',
          token: await signIn(backend.url, READER),
          body: {
            entity: {
              apiVersion: 'scaffolder.backstage.io/v1beta3',
              kind: 'Template',
              metadata: { name: 'sample' },
              spec: { type: 'test', recovery: { strategy }, steps: [] },
            },
            location: 'url:https://example.com/template.yaml',
          },
        });
      const accepted = await validate('idempotent');
      assert.equal(accepted.status, 200, accepted.text);
      const refused = await validate('idempotant');
      assert.equal(refused.status, 400, refused.text);
      assert.match(refused.text, /spec\.recovery\.strategy is/);
    });
  },
});

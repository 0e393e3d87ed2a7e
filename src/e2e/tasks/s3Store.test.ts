import { JsonObject } from '@backstage/types';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import {
  S3Server,
  TEST_BUCKET,
  TEST_CREDENTIALS,
} from '../../../dev/harness/S3Server';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES } from '../../../dev/harness/TestSite';
import { waitFor } from '../../../dev/harness/waitFor';
import { MANIFESTS, PACKS, SNAPSHOTS } from '../../database/tables';
import { keyIdOf } from '../../workspace/encryption/EncryptionKeys';

jest.setTimeout(240_000);

const TEMPLATE: StepTemplate = {
  name: 'plain',
  recovery: { strategy: 'idempotent' },
  steps: [
    { id: 'a', does: { write: 'of-a' } },
    { id: 'b', does: { write: 'of-b' } },
    { id: 'last', does: { hangs: 1 } },
  ],
};

const KEY = randomBytes(32);

describe('files in a bucket of S3, encrypted', () => {
  let site: StepSite;
  let s3: S3Server;

  beforeEach(async () => {
    s3 = await S3Server.start();
  });

  afterEach(async () => {
    await site?.remove();
    await s3.remove();
  });

  async function createBackend(name: string, keys: Buffer[], more = {}) {
    const store = {
      ...{ type: 's3', bucket: TEST_BUCKET, prefix: 'recovery' },
      ...{ endpoint: s3.endpoint, forcePathStyle: true },
    };
    const settings: JsonObject = {
      recoverTasksWorkspaces: {
        stores: [store],
        encryptionKeys: keys.map(key => key.toString('base64')),
      },
    };
    const config = { aws: { mainAccount: TEST_CREDENTIALS } };
    return site.createBackend(name, settings, { config, ...more });
  }

  async function loseDisk() {
    await fs.rm(site.site.workingDirectory, { recursive: true });
    await fs.mkdir(site.site.workingDirectory);
  }

  it.each(ENGINES)(
    'are there again after the backend was killed and its disk is lost, and gone once the task completed, on %s',
    async engine => {
      site = await StepSite.create(engine, [TEMPLATE]);
      const backend = await createBackend('backend', [KEY]);
      let client = await backend.start();
      const id = await client.dispatch('template:default/plain', {});
      await client.waitForStep(id, 'last');
      await backend.kill();
      await loseDisk();
      const keys = [...s3.objects().keys()];
      expect(keys.length).toBeGreaterThan(0);
      keys.forEach(key => expect(key).toMatch(`recovery/${id}/`));
      const knex = site.site.openScaffolderDatabase();
      const manifests: Buffer[] = await knex(MANIFESTS).pluck('content');
      expect(manifests.length).toBeGreaterThan(0);
      for (const bytes of [...s3.objects().values(), ...manifests]) {
        expect(bytes.includes('of-')).toBe(false);
      }

      client = await backend.start();
      expect((await client.waitForEnd(id)).status).toBe('completed');
      const [, , last, again] = site.begun(id);
      expect(site.begun(id).map(({ name }) => name)).toEqual([
        ...['a', 'b', 'last', 'last'],
      ]);
      expect(again.tree).toEqual(last.tree);
      expect(await client.attempts(id)).toMatchObject([
        { skippedSteps: ['a', 'b'], files: { kind: 'snapshot', stepId: 'b' } },
      ]);
      // The scaffolder has them deleted once the end of the task is stored (`TaskManager.complete`, 4.2.0).
      await waitFor('an empty bucket', async () => s3.objects().size === 0);
      for (const table of [SNAPSHOTS, MANIFESTS, PACKS]) {
        expect(await knex(table)).toEqual([]);
      }
    },
  );

  it('are missing without their key, so that all steps run again and the log of the task says which key', async () => {
    site = await StepSite.create('SQLite', [TEMPLATE]);
    const first = await createBackend('first', [KEY]);
    let client = await first.start();
    const id = await client.dispatch('template:default/plain', {});
    await client.waitForStep(id, 'last');
    await first.kill();
    const second = await createBackend('second', [randomBytes(32)]);
    client = await second.start();
    expect((await client.waitForEnd(id)).status).toBe('completed');
    expect(site.counts(id)).toEqual({ a: 2, b: 2, last: 2 });
    const log = JSON.stringify(await client.events(id));
    expect(log).toContain(keyIdOf(KEY));
    expect(log).toContain('scaffolder.recoverTasksWorkspaces.encryptionKeys');
  });

  it('fail no step while the bucket is away', async () => {
    site = await StepSite.create('SQLite', [TEMPLATE]);
    const backend = await createBackend('backend', [KEY]);
    let client = await backend.start();
    await s3.stop();
    const id = await client.dispatch('template:default/plain', {});
    await client.waitForStep(id, 'last');
    await backend.kill();
    await s3.goOn();
    client = await backend.start();
    expect((await client.waitForEnd(id)).status).toBe('completed');
    expect(site.counts(id)).toEqual({ a: 2, b: 2, last: 2 });
    expect(await backend.log()).toContain(
      `PutObject on the S3 bucket ${TEST_BUCKET} at ${s3.endpoint} failed, `,
    );
  });
});

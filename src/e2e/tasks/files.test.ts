import fs from 'node:fs/promises';
import { ScaffolderClient } from '../../../dev/harness/backend/ScaffolderClient';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES } from '../../../dev/harness/TestSite';
import { waitFor } from '../../../dev/harness/waitFor';
import { MANIFESTS, PACKS, SNAPSHOTS } from '../../database/tables';

jest.setTimeout(240_000);

const recovery = { strategy: 'idempotent' };

/** Templates without `dependsOn`, unless it is that which is tested. All are interrupted at `last`. */
const TEMPLATES: StepTemplate[] = [
  {
    name: 'plain',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'b', does: { write: 'of-b' } },
      { id: 'last', does: { hangs: 1 } },
    ],
  },
  {
    name: 'halfway',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'last', does: { hangs: 1, write: 'half', checkpoint: true } },
    ],
  },
  {
    name: 'first',
    recovery,
    steps: [{ id: 'last', does: { hangs: 1, write: 'half' } }],
  },
  {
    name: 'skipped',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'b', if: '${{ false }}', does: { write: 'of-b' } },
      { id: 'last', does: { hangs: 1 } },
    ],
  },
  {
    name: 'failed-before',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'b', does: { write: 'of-b', fails: 1 } },
      { id: 'last', if: '${{ always() }}', does: { hangs: 1 } },
    ],
  },
  {
    name: 'all-lines',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'b', recovery: { dependsOn: 'a' }, does: { write: 'of-b' } },
      { id: 'last', recovery: { dependsOn: 'b' }, does: { hangs: 1 } },
    ],
  },
  {
    name: 'half-of-the-lines',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'b', does: { write: 'of-b' } },
      { id: 'c' },
      { id: 'd', does: { write: 'of-d' } },
      { id: 'last', recovery: { dependsOn: 'b' }, does: { hangs: 1 } },
    ],
  },
  {
    name: 'restart',
    recovery: { strategy: 'restart' },
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'last', does: { hangs: 1, write: 'half', checkpoint: true } },
    ],
  },
];

/** What each template's steps find in the order in which they begin, the first run and the recovered one. */
const FOUND: Record<string, [string, string[]][]> = {
  plain: [
    ['a', []],
    ['b', ['of-a']],
    ['last', ['of-a', 'of-b']],
    ['last', ['of-a', 'of-b']],
  ],
  halfway: [
    ['a', []],
    ['last', ['of-a']],
    ['last', ['of-a']],
  ],
  first: [
    ['last', []],
    ['last', []],
  ],
  skipped: [
    ['a', []],
    ['last', ['of-a']],
    ['last', ['of-a']],
  ],
  'failed-before': [
    ['a', []],
    ['b', ['of-a']],
    ['last', ['of-a', 'of-b']],
    ['b', ['of-a']],
    ['last', ['of-a', 'of-b']],
  ],
  'all-lines': [
    ['a', []],
    ['b', ['of-a']],
    ['last', ['of-a', 'of-b']],
    ['a', []],
    ['b', ['of-a']],
    ['last', ['of-a', 'of-b']],
  ],
  'half-of-the-lines': [
    ['a', []],
    ['b', ['of-a']],
    ['c', ['of-a', 'of-b']],
    ['d', ['of-a', 'of-b']],
    ['last', ['of-a', 'of-b', 'of-d']],
    ['b', ['of-a']],
    ['d', ['of-a', 'of-b']],
    ['last', ['of-a', 'of-b', 'of-d']],
  ],
  restart: [
    ['a', []],
    ['last', ['of-a']],
    ['a', []],
    ['last', ['of-a']],
  ],
};

describe('the files that steps find when their task goes on', () => {
  let site: StepSite;
  afterEach(() => site.remove());

  const found = (taskId: string) =>
    site.begun(taskId).map(s => [s.name, s.files]);

  async function dispatchAll(
    client: ScaffolderClient,
    names = TEMPLATES.map(({ name }) => name),
  ): Promise<Record<string, string>> {
    const ids: Record<string, string> = {};
    for (const name of names) {
      ids[name] = await client.dispatch(`template:default/${name}`, {});
    }
    for (const id of Object.values(ids)) {
      await client.waitForStep(id, 'last');
    }
    return ids;
  }

  it.each(ENGINES)(
    'are those of before, after the backend was killed and its disk is lost, on %s',
    async engine => {
      site = await StepSite.create(engine, TEMPLATES);
      const backend = await site.createBackend('backend', {
        concurrentTasksLimit: TEMPLATES.length,
      });
      let client = await backend.start();
      const ids = await dispatchAll(client);
      await backend.kill();
      await fs.rm(site.site.workingDirectory, { recursive: true });
      await fs.mkdir(site.site.workingDirectory);

      client = await backend.start();
      for (const { name } of TEMPLATES) {
        const { status } = await client.waitForEnd(ids[name]);
        expect({ name, status, found: found(ids[name]) }).toEqual({
          name,
          status: 'completed',
          found: FOUND[name],
        });
      }
      // Byte by byte, with modes.
      const [, , last, again] = site.begun(ids.plain);
      expect(again.tree).toEqual(last.tree);

      const knex = site.site.openScaffolderDatabase();
      // The scaffolder has them deleted once the end of the task is stored (`TaskManager.complete`, 4.2.0).
      for (const table of [SNAPSHOTS, MANIFESTS, PACKS]) {
        await waitFor(
          `no rows in ${table}`,
          async () => (await knex(table)).length === 0,
        );
      }
      expect(await client.attempts(ids.plain)).toMatchObject([
        {
          skippedSteps: ['a', 'b'],
          stepsAgain: [],
          files: { kind: 'snapshot', stepId: 'b' },
        },
      ]);
      expect(await client.attempts(ids['half-of-the-lines'])).toMatchObject([
        {
          skippedSteps: ['a', 'c'],
          stepsAgain: [
            { stepId: 'b', because: 'neededBy', neededBy: ['last'] },
            { stepId: 'd', because: 'filesLost' },
          ],
          files: { kind: 'snapshot', stepId: 'a' },
        },
      ]);
    },
  );

  it('are those of before on another replica, when the backend is asked to end', async () => {
    site = await StepSite.create('PostgreSQL', TEMPLATES);
    const settings = { concurrentTasksLimit: TEMPLATES.length };
    const first = await site.createBackend('first', settings, {
      isOwnHost: true,
    });
    let client = await first.start();
    const ids = await dispatchAll(client);
    const second = await site.createBackend('second', settings, {
      isOwnHost: true,
    });
    client = await second.start();
    await first.kill('SIGTERM');
    for (const { name } of TEMPLATES) {
      const { status } = await client.waitForEnd(ids[name]);
      expect({ name, status, found: found(ids[name]) }).toEqual({
        name,
        status: 'completed',
        found: FOUND[name],
      });
    }
  });

  it.each(ENGINES)(
    'are those from before a step that failed halfway, when the task is started again, on %s',
    async engine => {
      site = await StepSite.create(engine, [
        {
          name: 'fails',
          recovery,
          steps: [
            { id: 'a', does: { write: 'of-a' } },
            { id: 'b', does: { write: 'half', fails: 1 } },
            { id: 'clean', if: '${{ always() }}', does: { write: 'cleaned' } },
          ],
        },
      ]);
      const backend = await site.createBackend('backend');
      const client = await backend.start();
      const taskId = await client.dispatch('template:default/fails', {});
      expect((await client.waitForEnd(taskId)).status).toBe('failed');
      // Kept for the retry, and shown.
      expect(await client.recoveryOf(taskId)).toMatchObject({
        workspace: { snapshots: expect.any(Number) },
      });
      await client.retry(taskId);
      expect((await client.waitForEnd(taskId)).status).toBe('completed');
      expect(found(taskId)).toEqual([
        ['a', []],
        ['b', ['of-a']],
        ['clean', ['half', 'of-a']],
        ['b', ['of-a']],
        ['clean', ['half', 'of-a']],
      ]);
      expect(await client.recoveryOf(taskId)).not.toHaveProperty('workspace');
    },
  );

  it('are none where snapshots are switched off, and steps run again that others depend on', async () => {
    site = await StepSite.create('SQLite', TEMPLATES);
    const backend = await site.createBackend('backend', {
      recoverTasksWorkspaces: { enabled: false },
    });
    let client = await backend.start();
    const names = ['plain', 'all-lines'];
    const ids = await dispatchAll(client, names);
    await backend.kill();
    client = await backend.start();
    for (const name of names) {
      await client.waitForEnd(ids[name]);
    }
    expect(found(ids.plain).at(-1)).toEqual(['last', []]);
    expect(found(ids['all-lines'])).toEqual(FOUND['all-lines']);
  });

  it('are none beyond the limit, where all steps run again; no step fails for it', async () => {
    site = await StepSite.create('SQLite', TEMPLATES);
    const backend = await site.createBackend('backend', {
      recoverTasksWorkspaces: { maxFiles: 1 },
    });
    let client = await backend.start();
    const ids = await dispatchAll(client, ['plain', 'halfway']);
    await backend.kill();
    client = await backend.start();
    expect((await client.waitForEnd(ids.plain)).status).toBe('completed');
    expect(found(ids.plain)).toEqual([
      ...FOUND.plain.slice(0, 3),
      ...FOUND.plain.slice(0, 3),
    ]);
    expect(await client.attempts(ids.plain)).toMatchObject([
      {
        skippedSteps: [],
        stepsAgain: [
          { stepId: 'a', because: 'noSnapshot' },
          { stepId: 'b', because: 'noSnapshot' },
        ],
        files: { kind: 'missing', stepId: 'b' },
      },
    ]);
    await client.waitForEnd(ids.halfway);
    expect(found(ids.halfway)).toEqual(FOUND.halfway);
  });
});

import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES } from '../../../dev/harness/TestSite';

jest.setTimeout(180_000);

const TEMPLATES: StepTemplate[] = [
  {
    name: 'restart',
    recovery: { strategy: 'restart' },
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'b', does: { hangs: 1, write: 'half', checkpoint: true } },
    ],
  },
  {
    name: 'depends',
    recovery: { strategy: 'idempotent' },
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'other', does: { write: 'of-other' } },
      {
        id: 'b',
        recovery: { dependsOn: 'a' },
        does: { hangs: 1, write: 'half', checkpoint: true },
      },
    ],
  },
  {
    name: 'goes-on',
    recovery: { strategy: 'idempotent' },
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'b', does: { hangs: 1, read: 'file' } },
    ],
  },
  {
    name: 'cleans-up',
    recovery: { strategy: 'idempotent' },
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'b', does: { read: 'file', fails: 1 } },
      { id: 'cleanup', if: '${{ always() }}' },
    ],
  },
  {
    name: 'fails',
    recovery: { strategy: 'restart' },
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'b', does: { fails: 1 } },
    ],
  },
];

describe('with the workspace provider of the database', () => {
  let site: StepSite;
  afterEach(() => site.remove());

  it.each(ENGINES)(
    'a run that is to begin empty does, and one that goes on has the files of the steps it skips, on %s',
    async engine => {
      site = await StepSite.create(engine, TEMPLATES);
      const backend = await site.createBackend('backend', {
        taskRecovery: { workspaceProvider: 'database' },
      });
      let client = await backend.start();
      expect(await backend.log()).toContain(
        `scaffolder.taskRecovery.workspaceProvider is 'database'`,
      );
      const ids: Record<string, string> = {};
      for (const { name } of TEMPLATES) {
        ids[name] = await client.dispatch(`template:default/${name}`, {});
      }
      for (const name of ['fails', 'cleans-up']) {
        await client.waitForEnd(ids[name]);
        await client.retry(ids[name]);
        await client.waitForEnd(ids[name]);
      }
      for (const name of ['restart', 'depends', 'goes-on']) {
        await client.waitForStep(ids[name], 'b');
      }
      await backend.kill();
      client = await backend.start();

      const filesFound = async (name: string) => {
        const { status } = await client.waitForEnd(ids[name]);
        expect([name, status]).toEqual([name, 'completed']);
        return site.begun(ids[name]).map(s => [s.name, s.files]);
      };
      expect(await filesFound('restart')).toEqual([
        ['a', []],
        ['b', ['file']],
        ['a', []],
        ['b', ['file']],
      ]);
      expect(await filesFound('depends')).toEqual([
        ['a', []],
        ['other', ['file']],
        ['b', ['file', 'of-other']],
        ['a', []],
        ['b', ['file']],
      ]);
      expect(await filesFound('goes-on')).toEqual([
        ['a', []],
        ['b', ['file']],
        ['b', ['file']],
      ]);
      expect(await filesFound('cleans-up')).toEqual([
        ['a', []],
        ['b', ['file']],
        ['cleanup', ['file']],
        ['b', ['file']],
        ['cleanup', ['file']],
      ]);
      expect(await filesFound('fails')).toEqual([
        ['a', []],
        ['b', ['file']],
        ['a', []],
        ['b', ['file']],
      ]);
    },
  );
});

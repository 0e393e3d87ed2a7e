import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { FileSteps } from './fileEdits';
import { carryOut, differenceOf, readFiles } from '../backend/workspaceFiles';

const STEPS = 5;

describe('the files of the chaos run', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'recovery-chaos-files-'));
  });

  afterEach(() => fs.rm(folder, { recursive: true }));

  async function runStep(steps: FileSteps, place: number): Promise<void> {
    for (const edit of steps.editsOf(place)) {
      await carryOut(folder, edit);
    }
  }

  it.each(Array.from({ length: 20 }, (_, i) => `task-${i + 1}`))(
    'are after each step of %s as they are expected to be',
    async name => {
      const steps = new FileSteps(name, 'small');
      for (let place = 0; place < STEPS; place++) {
        const before = steps.filesBefore(place);
        expect(differenceOf(await readFiles(folder), before)).toBeUndefined();
        await runStep(steps, place);
        expect(differenceOf(await readFiles(folder), before)).toBeDefined();
      }
      const after = steps.filesBefore(STEPS);
      expect(differenceOf(await readFiles(folder), after)).toBeUndefined();
    },
  );

  it('are the same in each process, and others for each task', () => {
    const drawn = (name: string) => new FileSteps(name, 'small').editsOf(2);
    expect(drawn('task-1')).toEqual(drawn('task-1'));
    expect(drawn('task-1')).not.toEqual(drawn('task-2'));
  });

  it('have edits of all kinds', () => {
    const kinds = Array.from({ length: 20 }, (_, i) =>
      new FileSteps(`task-${i}`, 'small').editsOf(2).map(e => e.do),
    );
    expect([...new Set(kinds.flat())].sort()).toEqual([
      'append',
      'delete',
      'folder',
      'link',
      'rename',
      'write',
    ]);
  });

  it.each([
    ['a byte', (at: string) => fs.writeFile(`${at}/file`, 'bbc')],
    ['a mode', (at: string) => fs.chmod(`${at}/file`, 0o600)],
    ['a file that is missing', (at: string) => fs.rm(`${at}/file`)],
    ['a file too many', (at: string) => fs.writeFile(`${at}/other`, '')],
    ['a folder that is missing', (at: string) => fs.rmdir(`${at}/empty`)],
    [
      'the target of a link',
      async (at: string) => {
        await fs.rm(`${at}/link`);
        await fs.symlink('elsewhere', `${at}/link`);
      },
    ],
  ])('find %s that differs', async (_, change) => {
    const content = Buffer.from('abc');
    await carryOut(folder, { do: 'write', path: 'file', content, mode: 0o644 });
    await carryOut(folder, { do: 'folder', path: 'empty' });
    await carryOut(folder, { do: 'link', path: 'link', target: 'file' });
    const before = await readFiles(folder);
    await change(folder);
    expect(differenceOf(await readFiles(folder), before)).toMatch(/1 differ: /);
  });
});

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeFiles } from '../__testUtils__/writeFiles';
import { EngineThread } from './EngineThread';

jest.setTimeout(60_000);

const limits = { maxBytes: 1e9, maxFiles: 1e5 };

let folder: string;
let thread: EngineThread;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'workspace-'));
});
afterEach(async () => {
  await thread.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

it('fails what it was doing when it ends, and is started again for the next call', async () => {
  let ends = 1;
  const packs: string[] = [];
  thread = new EngineThread({
    putPack: async (_, pack) => {
      ends -= 1;
      if (ends === 0) {
        await thread.stop();
      }
      packs.push(pack);
    },
    getPack: async () => new Uint8Array(),
    readManifests: async () => [],
  });
  const run = { taskId: 'task', path: folder, number: 1 };
  await thread.call('restore', run);
  writeFiles(folder, { file: 'F', large: randomBytes(3_000_000) });
  await expect(thread.call('take', { ...run, limits })).rejects.toThrow(
    'The thread for workspaces ended with 1',
  );
  const [snapshot] = await thread.call('take', { ...run, limits });
  expect(snapshot).toMatchObject({ changed: true, missing: null, files: 2 });
});

it('takes snapshots of several tasks at once', async () => {
  const stored = new Map<string, number>();
  thread = new EngineThread({
    putPack: async (taskId, _, content) => {
      stored.set(taskId, (stored.get(taskId) ?? 0) + content.length);
    },
    getPack: async () => new Uint8Array(),
    readManifests: async () => [],
  });
  const tasks = ['one', 'two', 'three'];
  await Promise.all(
    tasks.map(async taskId => {
      const run = { taskId, path: path.join(folder, taskId), number: 1 };
      await thread.call('restore', run);
      writeFiles(run.path, { file: randomBytes(4_000_000) });
      await thread.call('take', { ...run, limits });
    }),
  );
  expect([...stored.keys()].sort()).toEqual([...tasks].sort());
  for (const bytes of stored.values()) {
    expect(bytes).toBeGreaterThan(4_000_000);
    expect(bytes).toBeLessThan(4_010_000);
  }
});

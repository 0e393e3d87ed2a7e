import {
  createMockDirectory,
  mockServices,
} from '@backstage/backend-test-utils';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { RunFolders } from './RunFolders';

const directory = createMockDirectory();
const folders = () =>
  new RunFolders(directory.path, mockServices.logger.mock());
const exists = (name: string) => fs.existsSync(directory.resolve(name));
const id = '0b1cd2e3-aaaa-4bbb-8ccc-0123456789ab';

describe('RunFolders', () => {
  beforeEach(() => directory.clear());

  it('lists folders with the name of a task id, and nothing else', async () => {
    directory.setContent({
      [id]: { file: 'x' },
      [`${id}_step-fetch-a1b2c3`]: {},
      [`${randomUUID()}`]: 'a file',
      other: {},
    });
    fs.symlinkSync(directory.path, directory.resolve(randomUUID()));
    expect(await folders().list()).toEqual([id]);
  });

  it('makes a folder with the name of a task id, and leaves one that is there', () => {
    for (const name of [id, id, '../other', 'other']) {
      folders().make(name);
    }
    expect(fs.readdirSync(directory.path)).toEqual([id]);
    expect(exists('../other')).toBe(false);
    fs.writeFileSync(directory.resolve(`${id}/file`), 'x');
    folders().make(id);
    expect(exists(`${id}/file`)).toBe(true);
  });

  it('takes a folder away at once', () => {
    directory.setContent({ [id]: { file: 'x' } });
    folders().takeAway(id);
    expect(exists(id)).toBe(false);
  });

  it('takes away nothing but a folder with the name of a task id', () => {
    const link = randomUUID();
    const file = randomUUID();
    directory.setContent({ target: { file: 'x' }, [file]: 'x' });
    fs.symlinkSync(directory.resolve('target'), directory.resolve(link));
    for (const name of [
      link,
      file,
      'target',
      `../${path.basename(directory.path)}`,
    ]) {
      folders().takeAway(name);
    }
    expect(exists('target/file')).toBe(true);
    expect(exists(link)).toBe(true);
    expect(exists(file)).toBe(true);
  });

  it('deletes what was taken away and not yet deleted, and nothing else', async () => {
    const aside = `${id}.interrupted-${randomUUID()}`;
    directory.setContent({
      [aside]: { deep: { er: 'x' } },
      [`${id}.interrupted-by-me`]: {},
      [id]: {},
    });
    await folders().removeTakenAway();
    expect(fs.readdirSync(directory.path).sort()).toEqual(
      [id, `${id}.interrupted-by-me`].sort(),
    );
  });

  describe('when this process claims a task', () => {
    it('takes away the folder that was there before the process started', async () => {
      directory.setContent({ [id]: { 'half-written': 'x' } });
      const w = folders();
      await w.rememberExisting();
      w.claimed(id);
      expect(exists(id)).toBe(false);
    });

    it('leaves a folder alone that was made since', async () => {
      directory.setContent({ [id]: { 'half-written': 'x' } });
      const w = folders();
      await w.rememberExisting();
      // Renamed, not deleted: the inode of a deleted folder may be given to the next one.
      fs.renameSync(directory.resolve(id), directory.resolve('gone'));
      fs.mkdirSync(directory.resolve(id));
      w.claimed(id);
      expect(exists(id)).toBe(true);
    });

    it('leaves a folder alone that was not remembered', () => {
      directory.setContent({ [id]: { file: 'x' } });
      folders().claimed(id);
      expect(exists(id)).toBe(true);
    });
  });
});

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { EngineSite, removeEngineSites } from '../../__testUtils__/EngineSite';
import { readTree } from '../../../../dev/harness/steps/readTree';
import { writeFiles } from '../../__testUtils__/writeFiles';

jest.setTimeout(60_000);

afterEach(removeEngineSites);

/** What the file system throws. */
function fileError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}, open '/somewhere'`), {
    code,
    syscall: 'open',
  });
}

describe('a scan', () => {
  it('reads a file again that was written to within one tick with the same size and times', async () => {
    // All files seem to have been written at the same moment, which is the moment of the scan.
    const moment = BigInt(Date.now()) * 1_000_000n;
    const frozen = (stat: fs.BigIntStats) =>
      Object.defineProperties(stat, {
        mtimeNs: { value: moment },
        ctimeNs: { value: moment },
      });
    const site = new EngineSite({
      lstatSync: ((path: fs.PathLike, options: any) =>
        options?.bigint
          ? frozen(fs.lstatSync(path, options) as any)
          : fs.lstatSync(path, options)) as typeof fs.lstatSync,
      fstatSync: ((fd: number, options: any) =>
        frozen(fs.fstatSync(fd, options) as any)) as typeof fs.fstatSync,
    });
    site.now = () => Number(moment / 1_000_000n);
    await site.begin();
    writeFiles(site.folder, { 'a.txt': 'before' });
    await site.take();
    writeFiles(site.folder, { 'a.txt': 'after!' });
    const { changed, number } = await site.take();
    expect(changed).toBe(true);
    await site.begin(number);
    expect(fs.readFileSync(`${site.folder}/a.txt`, 'utf8')).toBe('after!');
  });

  it('does not read a file again that was not written to, wherever its folder is now', async () => {
    const opened: string[] = [];
    const site = new EngineSite({
      openSync: ((path: string, ...rest: [any, any]) => {
        opened.push(path);
        return fs.openSync(path, ...rest);
      }) as typeof fs.openSync,
    });
    await site.begin();
    writeFiles(site.folder, { 'a/b/c.txt': 'C', 'a/d.txt': 'D' });
    await site.take();
    expect(opened).toHaveLength(2);
    fs.renameSync(`${site.folder}/a`, `${site.folder}/z`);
    expect(await site.take()).toMatchObject({ changed: true, files: 2 });
    expect(opened).toHaveLength(2);
  });

  it('reads all files again and stores none twice when it had to forget what it saw', async () => {
    const site = new EngineSite({}, { maxKnownEntries: 0 });
    await site.begin();
    writeFiles(site.folder, { 'a.txt': 'A', 'b.txt': 'B' });
    await site.take();
    expect(await site.take()).toMatchObject({ changed: false, storedBytes: 0 });
  });

  it('stores a file that grows without end as far as it went when it was looked at', async () => {
    const site = new EngineSite({
      readSync: ((fd: number, ...rest: [any, any, any, any]) => {
        fs.appendFileSync(`${site.folder}/log`, 'more\n');
        return fs.readSync(fd, ...rest);
      }) as typeof fs.readSync,
    });
    await site.begin();
    writeFiles(site.folder, { log: 'line\n' });
    const { missing, number, bytes } = await site.take();
    expect(missing).toBeNull();
    await site.begin(number);
    expect(fs.readFileSync(`${site.folder}/log`, 'utf8')).toMatch(
      /^line\n(more\n)+$/,
    );
    expect(fs.statSync(`${site.folder}/log`).size).toBe(bytes);
  });

  it('leaves out what vanishes while it looks', async () => {
    const site = new EngineSite({
      lstatSync: ((path: string, options: any) => {
        if (path.endsWith('/gone')) {
          fs.rmSync(path, { force: true });
        }
        return fs.lstatSync(path, options);
      }) as typeof fs.lstatSync,
      openSync: ((path: string, ...rest: [any, any]) => {
        if (path.endsWith('/lost')) {
          fs.rmSync(path, { force: true });
        }
        return fs.openSync(path, ...rest);
      }) as typeof fs.openSync,
      readdirSync: ((path: string, options: any) => {
        if (path.endsWith('/folder')) {
          fs.rmSync(path, { recursive: true, force: true });
        }
        return fs.readdirSync(path, options);
      }) as typeof fs.readdirSync,
    });
    await site.begin();
    writeFiles(site.folder, { gone: '', lost: 'x', kept: 'y', 'folder/f': '' });
    const { missing, files, bytes, number } = await site.take();
    expect({ missing, files, bytes }).toEqual({
      missing: null,
      files: 1,
      bytes: 1,
    });
    await site.begin(number);
    expect(fs.readFileSync(`${site.folder}/kept`, 'utf8')).toBe('y');
  });

  it.each([
    ['a link', (path: string) => fs.symlinkSync('/etc/hostname', path)],
    ['a folder', (path: string) => writeFiles(path, { inside: 'I' })],
    ['a FIFO', (path: string) => execFileSync('mkfifo', [path])],
  ])('sees that a file became %s before it was read', async (_, become) => {
    let isDone = false;
    const site = new EngineSite({
      openSync: ((path: string, ...rest: [any, any]) => {
        if (path.endsWith('/file') && !isDone) {
          isDone = true;
          fs.rmSync(path);
          become(path);
        }
        return fs.openSync(path, ...rest);
      }) as typeof fs.openSync,
    });
    await site.begin();
    writeFiles(site.folder, { file: 'x', other: 'y' });
    const { missing, number } = await site.take();
    expect(missing).toBeNull();
    if (fs.lstatSync(`${site.folder}/file`).isFIFO()) {
      fs.rmSync(`${site.folder}/file`);
    }
    const tree = readTree(site.folder);
    await site.begin(number);
    expect(readTree(site.folder)).toEqual(tree);
  });

  it('does not store a workspace with a file that it cannot read, and the next time it can', async () => {
    let isReadable = false;
    const site = new EngineSite({
      openSync: ((path: string, ...rest: [any, any]) => {
        if (path.endsWith('/secret') && !isReadable) {
          throw fileError('EACCES', 'permission denied');
        }
        return fs.openSync(path, ...rest);
      }) as typeof fs.openSync,
    });
    await site.begin();
    writeFiles(site.folder, { secret: 'S', other: 'O' });
    const refused = await site.take();
    expect([refused.changed, refused.manifest]).toEqual([true, undefined]);
    expect(refused).toMatchObject({
      missing: 'A file cannot be read, EACCES: permission denied',
      missingAt: 'secret',
    });
    expect(await site.take()).toMatchObject({
      changed: false,
      missing: expect.stringMatching(/^A file cannot/),
    });
    isReadable = true;
    const { missing, changed, number } = await site.take();
    expect({ missing, changed }).toEqual({ missing: null, changed: false });
    const tree = readTree(site.folder);
    await site.begin(number);
    expect(readTree(site.folder)).toEqual(tree);
  });

  it('does not store a workspace with a folder that it cannot read', async () => {
    const site = new EngineSite({
      readdirSync: ((path: string, options: any) => {
        if (path.endsWith('/closed')) {
          throw fileError('EACCES', 'permission denied');
        }
        return fs.readdirSync(path, options);
      }) as typeof fs.readdirSync,
    });
    await site.begin();
    writeFiles(site.folder, { 'closed/file': '' });
    expect(await site.take()).toMatchObject({
      changed: null,
      missing:
        'A folder of the workspace cannot be read, EACCES: permission denied',
      missingAt: 'closed',
    });
  });

  it('stores neither more files nor more bytes than are allowed, and tells whether they changed', async () => {
    const site = new EngineSite();
    site.limits = { maxBytes: 1_000_000, maxFiles: 3 };
    await site.begin();
    writeFiles(site.folder, { large: 'x'.repeat(1_100_000) });
    expect(await site.take()).toMatchObject({
      changed: true,
      missing: 'The files have 1.0 MB, and at most 1.0 MB are stored',
      storedBytes: 0,
    });
    expect(await site.take()).toMatchObject({ changed: false });
    writeFiles(site.folder, { large: 'small', two: '', three: '' });
    expect(await site.take()).toMatchObject({ changed: true, missing: null });
    writeFiles(site.folder, { four: '' });
    expect(await site.take()).toMatchObject({
      missing: 'There are more than 3 files and folders',
    });
    expect(site.packs.size).toBe(1);
  });

  it('leaves out FIFOs and sockets, and says so', async () => {
    const site = new EngineSite();
    await site.begin();
    writeFiles(site.folder, { file: 'x' });
    execFileSync('mkfifo', [`${site.folder}/fifo`]);
    const server = net.createServer();
    await new Promise<void>(done => {
      server.listen(`${site.folder}/socket`, done);
    });
    const { skipped, missing, number } = await site.take();
    expect([skipped.sort(), missing]).toEqual([['fifo', 'socket'], null]);
    await new Promise(done => {
      server.close(done);
    });
    await site.begin(number);
    expect(fs.readdirSync(site.folder)).toEqual(['file']);
  });

  it('stores names that are no UTF-8, and long paths', async () => {
    const site = new EngineSite();
    await site.begin();
    const name = Buffer.from([0x66, 0xff, 0xfe, 0xe4]);
    const inFolder = (...parts: (string | Buffer)[]) =>
      Buffer.concat([site.folder, ...parts].map(p => Buffer.from(p)));
    fs.mkdirSync(inFolder('/', name));
    fs.writeFileSync(inFolder('/', name, '/', name), 'bytes');
    fs.symlinkSync(name, inFolder('/link'));
    const long = Array.from({ length: 15 }, () => 'n'.repeat(250)).join('/');
    writeFiles(site.folder, { [`${long}/file`]: 'deep' });
    const { number } = await site.take();
    const tree = readTree(site.folder);
    expect(Object.keys(tree)).toHaveLength(19);
    await site.begin(number);
    expect(readTree(site.folder)).toEqual(tree);
  });

  it('stores two names of one file as two files', async () => {
    const site = new EngineSite();
    await site.begin();
    writeFiles(site.folder, { one: 'same' });
    fs.linkSync(`${site.folder}/one`, `${site.folder}/two`);
    const { number } = await site.take();
    const tree = readTree(site.folder);
    await site.begin(number);
    expect(readTree(site.folder)).toEqual(tree);
    expect(fs.statSync(`${site.folder}/one`).nlink).toBe(1);
  });

  it('gives up on a path that is something else each time', async () => {
    const site = new EngineSite({
      openSync: ((path: string, ...rest: [any, any]) => {
        if (path.endsWith('/odd')) {
          throw fileError('ELOOP', 'too many links');
        }
        return fs.openSync(path, ...rest);
      }) as typeof fs.openSync,
    });
    await site.begin();
    writeFiles(site.folder, { odd: 'x' });
    expect(await site.take()).toMatchObject({
      missing: expect.stringMatching(/^A file is something else/),
      missingAt: 'odd',
    });
  });
});

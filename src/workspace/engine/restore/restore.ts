import type nodeFs from 'node:fs';
import { BytePath, parentOf, toFsPath } from '../tree/bytePath';
import { Entries, FolderEntry, LinkEntry } from '../tree/entries';
import { FileRestorer } from './FileRestorer';
import { decompressAside, PACK_BYTES } from '../packs/packFormat';
import { utimesSeconds } from './utimesSeconds';
import { WorkspaceError } from '../../errors';

/** Packs that are asked for ahead of the one that is written out. */
const AHEAD = 2;

/** Reads a pack. Throws a WorkspaceError if it is not in the store. */
type GetPack = (pack: string) => Promise<Uint8Array>;

/**
 * Writes entries into an empty folder: folders, then files, then links, so that nothing is written through a link, then the modes and
 * times of folders, which writing into them would change. Two names of one file (hard links) come back as two files.
 *
 * @param entries - gets what the file system says of the new files
 * @param now - the time in ms since 1970
 * @throws WorkspaceError if an entry has no folder, or content is missing or not what it was.
 */
export async function restoreEntries(options: {
  fs: typeof nodeFs;
  root: BytePath;
  entries: Entries;
  get: GetPack;
  now: () => number;
}): Promise<void> {
  const { fs, root, entries, get, now } = options;
  checkFolders(entries);
  const folders = [...entries]
    .filter((e): e is [BytePath, FolderEntry] => e[1].kind === 'folder')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path] of folders) {
    // Fails if anything is there already.
    fs.mkdirSync(toFsPath(`${root}/${path}`), 0o700);
  }
  const files = new FileRestorer(fs, root);
  const uses = files.begin(entries);
  for await (const [pack, content] of readAhead([...uses.keys()], get)) {
    files.write(uses.get(pack)!, content);
  }
  for (const [path, entry] of entries) {
    if (entry.kind === 'link') {
      restoreLink(fs, `${root}/${path}`, entry);
    }
  }
  for (const [path, entry] of folders.reverse()) {
    const fsPath = toFsPath(`${root}/${path}`);
    fs.chmodSync(fsPath, entry.mode);
    fs.utimesSync(
      fsPath,
      utimesSeconds(entry.mtime),
      utimesSeconds(entry.mtime),
    );
  }
  files.forgetRacy(entries, BigInt(Math.floor(now() * 1e6)));
}

function checkFolders(entries: Entries): void {
  for (const path of entries.keys()) {
    const parent = parentOf(path);
    if (parent && entries.get(parent)?.kind !== 'folder') {
      throw new WorkspaceError('The snapshot has a file, but no folder for it');
    }
  }
}

function restoreLink(fs: typeof nodeFs, path: BytePath, entry: LinkEntry) {
  const fsPath = toFsPath(path);
  fs.symlinkSync(toFsPath(entry.target), fsPath);
  fs.lutimesSync(
    fsPath,
    utimesSeconds(entry.mtime),
    utimesSeconds(entry.mtime),
  );
}

/** Reads packs before they are needed, and unpacks them while files are written. */
async function* readAhead(
  packs: string[],
  get: GetPack,
): AsyncGenerator<[string, Buffer]> {
  const asked: Promise<Buffer | undefined>[] = [];
  for (let i = 0; i < packs.length; i++) {
    while (asked.length < packs.length && asked.length <= i + AHEAD) {
      const answer = read(packs[asked.length], get);
      // One that nobody waits for any more, since an earlier one failed.
      answer.catch(() => {});
      asked.push(answer);
    }
    const content = await asked[i];
    // Not to keep them all.
    asked[i] = Promise.resolve(undefined);
    yield [packs[i], content!];
  }
}

async function read(pack: string, get: GetPack): Promise<Buffer> {
  const content = await get(pack);
  try {
    return await decompressAside(content, PACK_BYTES);
  } catch (error: any) {
    throw new WorkspaceError(
      `Pack ${pack} is not what was stored, ${error.message}`,
    );
  }
}

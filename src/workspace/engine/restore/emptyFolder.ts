import type nodeFs from 'node:fs';
import { BytePath, toFsPath } from '../tree/bytePath';
import { FolderError } from '../../errors';

/** Owner may read, write and enter. */
const OWNER_ALL = 0o700;

/**
 * Deletes all that is in a folder, read-only folders included, and makes the folder if it is not there. Links are deleted, not followed.
 *
 * @throws FolderError if the folder itself is a link or no folder.
 */
export function emptyFolder(fs: typeof nodeFs, root: BytePath): void {
  const stat = fs.lstatSync(toFsPath(root), { throwIfNoEntry: false });
  if (!stat) {
    fs.mkdirSync(toFsPath(root), { recursive: true });
  } else if (!stat.isDirectory()) {
    throw new FolderError(
      'The workspace is a link or a file where a folder is expected',
    );
  } else {
    emptyExisting(fs, root, stat.mode);
  }
}

function emptyExisting(
  fs: typeof nodeFs,
  folder: BytePath,
  mode: number,
): void {
  // eslint-disable-next-line no-bitwise
  if ((mode & OWNER_ALL) !== OWNER_ALL) {
    fs.chmodSync(toFsPath(folder), OWNER_ALL);
  }
  for (const name of fs.readdirSync(toFsPath(folder), 'latin1')) {
    const path = `${folder}/${name}`;
    const stat = fs.lstatSync(toFsPath(path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      emptyExisting(fs, path, stat.mode);
      fs.rmdirSync(toFsPath(path));
    } else {
      fs.unlinkSync(toFsPath(path));
    }
  }
}

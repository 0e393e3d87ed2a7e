import { STORES } from '../../../util/ownSettings';
import { StoreError } from '../../errors';

/** What to do about the errors of a file system that an operator can mend. */
const REMEDIES: Record<string, string> = {
  ENOENT:
    'Create the folder, or mount the volume that it is on. The module does not create it',
  ENOTDIR: 'It must be a folder',
  ENOSPC: 'Free space on its volume, or use a larger one',
  EDQUOT: 'Raise the quota on its volume',
  EROFS: 'Mount its volume with the right to write',
  EACCES: 'Give the user of the backend the right to read and write there',
  EPERM: 'Give the user of the backend the right to read and write there',
  ESTALE: 'Mount its volume again',
};

/** An error of the store in a folder, with what to do about it. */
export function explainDirectoryError(
  error: unknown,
  { what, root }: { what: string; root: string },
): StoreError {
  const { message, code } = error as NodeJS.ErrnoException;
  const remedy = code && REMEDIES[code];
  return new StoreError(
    `Could not ${what} in the directory ${root} (${STORES}). ${message}${remedy ? `. ${remedy}` : ''}`,
    { cause: error },
  );
}

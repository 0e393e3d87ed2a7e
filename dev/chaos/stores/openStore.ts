import { ChaosStore } from './ChaosStore';
import { DirectoryStore } from './DirectoryStore';
import { S3Store } from './S3Store';
import type { StoreName } from './storeFaults';

/**
 * @param directory - an existing folder for what it has
 * @returns nothing for the database, which is there anyway.
 */
export async function openStore(
  name: StoreName,
  directory: string,
): Promise<ChaosStore | undefined> {
  switch (name) {
    case 'directory':
      return DirectoryStore.create(directory);
    case 's3':
      return S3Store.create();
    default:
      return undefined;
  }
}

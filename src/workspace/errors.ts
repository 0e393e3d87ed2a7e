/**
 * Something that is as wrong the next time: content that is not there or not what it was, or a folder that cannot be written.
 * All other errors may be of the moment.
 */
export class WorkspaceError extends Error {
  override name = 'WorkspaceError';
}

/** The folder cannot be written: no space, no permission, or it is none. What is stored is as it was. */
export class FolderError extends WorkspaceError {
  override name = 'FolderError';
}

/** The content is in a store, or encrypted with a key, that is not configured here. What is stored is as it was. */
export class UnreadableError extends WorkspaceError {
  override name = 'UnreadableError';
}

/**
 * A store outside of the database cannot be reached, or refuses. That may pass. Unlike the database's, its absence ends no run, so that no
 * step needs to wait for it.
 */
export class StoreError extends Error {
  override name = 'StoreError';
}

/** An error that another thread has thrown. */
export function revived({ name, message }: Pick<Error, 'name' | 'message'>) {
  switch (name) {
    case 'WorkspaceError':
      return new WorkspaceError(message);
    case 'FolderError':
      return new FolderError(message);
    case 'UnreadableError':
      return new UnreadableError(message);
    case 'StoreError':
      return new StoreError(message);
    default:
      return new Error(message);
  }
}

/**
 * Something that is as wrong the next time: content that is not there or not what it was, or a folder that cannot be written.
 * All other errors may be of the moment.
 */
export class WorkspaceError extends Error {
  override name = 'WorkspaceError';
}

/** Whether an error of the file system says that something is not, or no longer, there. */
export function isGone(error: any): boolean {
  return error?.code === 'ENOENT' || error?.code === 'ENOTDIR';
}

/** What the file system said, without the path on this host that it names as well. */
export function readableError(error: any): string {
  return String(error?.message ?? error).replace(/, \w+( '.*)?$/s, '');
}

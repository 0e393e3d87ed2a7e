/** Receives reports on snapshots. */
export type SnapshotListener = {
  /** A snapshot was made. */
  taken(seconds: number, storedBytes: number): void;
  /** None could be made. */
  skipped(cause: SkipCause): void;
  /** Files were put back into a workspace, or could not be. */
  restored(seconds: number, result: 'ok' | 'failed'): void;
};

/** What a snapshot could not be made for: a workspace that is beyond the limits or cannot be read, or the database or store. */
export type SkipCause = 'workspace' | 'store';

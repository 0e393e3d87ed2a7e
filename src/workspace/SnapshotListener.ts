/** Who is told of snapshots of workspaces. */
export type SnapshotListener = {
  /** A snapshot was made. */
  taken(seconds: number, storedBytes: number): void;
  /** None could be made, for one of a few reasons. */
  skipped(reason: SkipReason): void;
  /** Files were put back into a workspace, or could not be. */
  restored(seconds: number, result: 'ok' | 'failed'): void;
};

/** Why there is no snapshot of a workspace. */
export type SkipReason = 'tooLarge' | 'tooManyFiles' | 'unreadable' | 'failed';

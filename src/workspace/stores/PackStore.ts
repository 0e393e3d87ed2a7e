/**
 * Where the content of workspaces is kept, in packs of about 1 MB. A pack is written once and never changed.
 *
 * All methods throw what the store says if it cannot be reached. That counts as passing by itself: it must not look as if there were nothing.
 */
export interface PackStore {
  /**
   * What to ask and do if nothing at all is there of a task of which something must be. Only of a store where that has a likely cause. Part of
   * an error.
   */
  readonly ifNothingIsThere?: string;
  /**
   * Stores a pack. It must be there for good when this returns, also if a server fails.
   *
   * @param pack - a UUID
   */
  put(taskId: string, pack: string, content: Uint8Array): Promise<void>;
  /** The content of a pack. Nothing if there is no such pack. */
  get(taskId: string, pack: string): Promise<Uint8Array | undefined>;
  /**
   * The names of all that is there of a task: the ids of packs, and names of a store's own of what was not written to its end, which begin
   * with the id of the pack.
   */
  list(taskId: string): Promise<string[]>;
  /**
   * Deletes some of what is there of a task. What is not there counts as deleted.
   *
   * @param names - ids of packs, and what `list` returned
   */
  delete(taskId: string, names: string[]): Promise<void>;
  /**
   * Checks whether the store can be used.
   *
   * @throws Error that says what is wrong with it and what to do.
   */
  check?(): Promise<void>;
}

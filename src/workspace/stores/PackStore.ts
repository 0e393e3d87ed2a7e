/**
 * Where the content of workspaces is kept, in packs of about 1 MB. A pack is written once and never changed.
 *
 * All methods throw what the store says if it cannot be reached.
 */
export interface PackStore {
  /**
   * Stores a pack. It must be there for good when this returns, also if a server fails.
   *
   * @param pack - a UUID
   */
  put(taskId: string, pack: string, content: Uint8Array): Promise<void>;
  /** The content of a pack. Nothing if there is no such pack. */
  get(taskId: string, pack: string): Promise<Uint8Array | undefined>;
  /** Deletes packs. Those that are not there count as deleted. */
  delete(taskId: string, packs: string[]): Promise<void>;
  /** The ids of all packs of a task. */
  list(taskId: string): Promise<string[]>;
}

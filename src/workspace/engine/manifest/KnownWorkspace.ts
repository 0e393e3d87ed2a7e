import { Entries, Piece } from '../tree/entries';

/** How a snapshot's content is stored: in how many manifests, and how large they are. */
export type Chain = {
  /** The full manifest and those that build on it. 0 if the content is not stored. */
  length: number;
  fullBytes: number;
  deltaBytes: number;
};

/** What is known of the workspace of a run as of its last recorded snapshot. */
export class KnownWorkspace {
  /** By hash. Also of files that are no longer there, since they may come back. */
  readonly #pieces = new Map<string, Piece>();

  constructor(
    /** The number of that snapshot. */
    readonly number: number,
    readonly entries: Entries,
    readonly chain: Chain,
    older?: KnownWorkspace,
  ) {
    if (older && older.#pieces.size < 2 * entries.size + 1000) {
      this.#pieces = older.#pieces;
    }
    for (const entry of entries.values()) {
      if (entry.kind === 'file') {
        entry.pieces?.forEach(piece => this.#pieces.set(piece.hash, piece));
      }
    }
  }

  /** Where content is stored, if it is. */
  find(hash: string): Piece | undefined {
    return this.#pieces.get(hash);
  }
}

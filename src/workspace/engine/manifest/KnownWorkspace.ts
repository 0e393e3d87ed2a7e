import { BytePath } from '../tree/bytePath';
import { Changes } from '../tree/diff';
import { Entry, Piece } from '../tree/entries';
import { Folders } from '../tree/Folders';

/** How a snapshot's content is stored: in how many manifests, and how large they are. */
export type Chain = {
  /** The full manifest and those that build on it. 0 if the content is not stored. */
  length: number;
  fullBytes: number;
  deltaBytes: number;
};

/** Of content that is not stored. */
export const NOT_STORED: Chain = { length: 0, fullBytes: 0, deltaBytes: 0 };

/** What is known of the workspace of a run as of its last recorded snapshot. */
export class KnownWorkspace {
  /** By hash. Also of files that are no longer there, since they may come back. */
  readonly #pieces = new Map<string, Piece>();

  constructor(
    /** The number of that snapshot. */
    public number: number,
    readonly entries: Folders,
    public chain: Chain,
  ) {
    this.#addPieces(entries);
  }

  /** To be called when a further snapshot was recorded, with what is different in it. */
  advance(number: number, changes: Changes & { chain: Chain }): void {
    this.number = number;
    this.chain = changes.chain;
    this.entries.apply(changes);
    if (this.#pieces.size < 2 * this.entries.size + 1000) {
      this.#addPieces(changes.entries);
    } else {
      this.#pieces.clear();
      this.#addPieces(this.entries);
    }
  }

  /** To be called when a further snapshot was recorded without its content. */
  skip(number: number): void {
    this.number = number;
    this.chain = NOT_STORED;
  }

  /** Where content is stored, if it is. */
  find(hash: string): Piece | undefined {
    return this.#pieces.get(hash);
  }

  #addPieces(entries: Iterable<[BytePath, Entry]>): void {
    for (const [, entry] of entries) {
      if (entry.kind === 'file') {
        entry.pieces?.forEach(piece => this.#pieces.set(piece.hash, piece));
      }
    }
  }
}

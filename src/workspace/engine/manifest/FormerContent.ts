import { BytePath } from '../tree/bytePath';
import { Entries, Entry, FileEntry } from '../tree/entries';

/** The file that was at the same path. Others are counted from 1, in the order in which they are named as removed. */
const SAME_PATH = 0;

/**
 * Where a file of a delta can have its content from, so that its hashes need not be repeated: from the file that was at the same path, of
 * which the times or the mode differ, or from one that is no longer there, since it was moved, maybe with its folder.
 */
export class FormerContent {
  /** By their content, made when it is first needed. */
  #removedFiles?: Map<string, number>;

  constructor(
    private readonly before: Pick<Entries, 'get'>,
    private readonly removed: BytePath[],
  ) {}

  /** The file before with the same content, if there is one: a number for `read`. */
  find(path: BytePath, { pieces }: FileEntry): number | undefined {
    if (!pieces?.length) {
      return undefined;
    }
    const content = contentKey(pieces);
    return contentOf(this.before.get(path)) === content
      ? SAME_PATH
      : this.#byContent().get(content);
  }

  /** The content that was found for a file. Nothing if there is no such file. */
  read(path: BytePath, found: number): FileEntry['pieces'] {
    const source = found === SAME_PATH ? path : this.removed[found - 1];
    const entry = this.before.get(source);
    return entry?.kind === 'file' ? entry.pieces : undefined;
  }

  #byContent(): Map<string, number> {
    if (!this.#removedFiles) {
      this.#removedFiles = new Map();
      for (const [i, path] of this.removed.entries()) {
        const content = contentOf(this.before.get(path));
        if (content !== undefined) {
          this.#removedFiles.set(content, i + 1);
        }
      }
    }
    return this.#removedFiles;
  }
}

function contentOf(entry: Entry | undefined): string | undefined {
  return entry?.kind === 'file' && entry.pieces
    ? contentKey(entry.pieces)
    : undefined;
}

function contentKey(pieces: NonNullable<FileEntry['pieces']>): string {
  return pieces.map(({ hash }) => hash).join('');
}

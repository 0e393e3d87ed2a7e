import { BytePath } from './bytePath';

/** A part of a file's content, and where it is stored. */
export type Piece = {
  /** SHA-256 of the content, one character for each byte. */
  hash: string;
  length: number;
  /** The id of the pack. */
  pack: string;
  /** Where it begins in the unpacked pack, in bytes. */
  offset: number;
};

/** A folder. What is in it has entries of its own. */
export type FolderEntry = {
  kind: 'folder';
  /** The permission bits. */
  mode: number;
  /** Nanoseconds since 1970. */
  mtime: bigint;
};

/** A symbolic link. */
export type LinkEntry = {
  kind: 'link';
  mtime: bigint;
  /** As it is stored in the link: absolute or relative, to anything or nothing. */
  target: BytePath;
};

/** A file, of `size` bytes. */
export type FileEntry = {
  kind: 'file';
  mode: number;
  mtime: bigint;
  size: number;
  /** Not there if the content is not known. */
  pieces?: Piece[];
  /**
   * What else the file system said when it was looked at. The content is the same as long as this, the size and `mtime` are. Not there if
   * the file was written to so shortly before that a further change could look the same.
   */
  seen?: { ino: bigint; ctime: bigint };
};

/** Anything in a workspace that can be stored. */
export type Entry = FolderEntry | LinkEntry | FileEntry;

/** What is in a workspace by relative path. The workspace itself is not part of it. */
export type Entries = Map<BytePath, Entry>;

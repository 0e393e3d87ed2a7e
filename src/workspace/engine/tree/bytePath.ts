/**
 * A path or a name as its bytes, one character for each ('latin1'). Names on Linux are bytes and need not be UTF-8; as text they would
 * not survive. The separator is `/`.
 */
export type BytePath = string;

const NOT_ASCII = /[\u0080-\u00ff]/;

/** As `fs` takes it. A text is faster than a Buffer, and the same where all is ASCII. */
export function toFsPath(path: BytePath): string | Buffer {
  return NOT_ASCII.test(path) ? Buffer.from(path, 'latin1') : path;
}

/** As `toFsPath`, of what is in a folder, by name. Looks at the folder only once, since a scan does this for each file. */
export function fsPathsIn(
  folder: BytePath,
): (name: BytePath) => string | Buffer {
  const isAscii = !NOT_ASCII.test(folder);
  return name => {
    const path = `${folder}/${name}`;
    return isAscii && !NOT_ASCII.test(name)
      ? path
      : Buffer.from(path, 'latin1');
  };
}

/** The bytes of a path that is a text, in UTF-8. */
export function toBytePath(path: string): BytePath {
  return Buffer.from(path).toString('latin1');
}

/** For messages. Bytes that are no UTF-8 are replaced. */
export function displayPath(path: BytePath): string {
  return Buffer.from(path, 'latin1').toString();
}

/** The folder that an entry is in, '' for the root. */
export function parentOf(path: BytePath): BytePath {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** The name that an entry has in its folder. */
export function nameOf(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether a path leads to something below the folder that it is relative to, in the one way in which the scan writes it. */
export function isBelowRoot(path: BytePath): boolean {
  return (
    !path.includes('\0') &&
    path.split('/').every(name => name !== '' && name !== '.' && name !== '..')
  );
}

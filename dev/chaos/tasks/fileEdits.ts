import { createHash } from 'node:crypto';
import { Random } from '../random';

/** What a step does to its workspace. Paths are relative to it. */
export type Edit =
  /** Writes a file, or other content of the same or another length into one that is there. */
  | { do: 'write'; path: string; content: Buffer; mode: number }
  | { do: 'append'; path: string; content: Buffer }
  | { do: 'folder'; path: string }
  | { do: 'rename'; path: string; to: string }
  | { do: 'delete'; path: string }
  | { do: 'link'; path: string; target: string };

/** How much the steps of a template write. */
export type FileSize = 'small' | 'large';

/** Something in a workspace. */
export type Entry =
  | { kind: 'file'; content: Buffer; mode: number }
  | { kind: 'folder' }
  | { kind: 'link'; target: string };

/** All that is in a workspace, by relative path. */
export type Files = Map<string, Entry>;

const MODES = [0o644, 0o755, 0o600];

/** So that it is stored in several packs, and takes long enough to be interrupted meanwhile. */
const LARGE_BYTES = { low: 1_500_000, high: 3_000_000 };
const BIG_BYTES = { low: 100_000, high: 500_000 };
const SMALL_BYTES = { low: 1, high: 4_000 };

/** One of so many files is big. */
const ONE_BIG_OF = 8;

/**
 * What the steps of a task do to its workspace, and what each of them is to find: drawn from the name of the task, so that it is the same
 * in all runs and processes, whatever has run before.
 */
export class FileSteps {
  constructor(
    private readonly taskName: string,
    private readonly size: FileSize,
  ) {}

  /**
   * What a step does.
   *
   * @param place - of the step, counted from 0
   */
  editsOf(place: number): Edit[] {
    return draw(
      this.#randomOf(place),
      place,
      this.size,
      this.filesBefore(place),
    );
  }

  /** What the step at a place is to find: what those before it left. */
  filesBefore(place: number): Files {
    const files: Files = new Map();
    for (let i = 0; i < place; i++) {
      const edits = draw(this.#randomOf(i), i, this.size, new Map(files));
      edits.forEach(edit => apply(files, edit));
    }
    return files;
  }

  #randomOf(place: number): Random {
    const hash = createHash('sha256').update(`${this.taskName}/${place}`);
    return new Random(hash.digest().readUInt32BE());
  }
}

/** Draws what a step does. Applies it to `files`. */
function draw(
  random: Random,
  place: number,
  size: FileSize,
  files: Files,
): Edit[] {
  const edits: Edit[] = [];
  const add = (edit: Edit) => {
    apply(files, edit);
    edits.push(edit);
  };
  const pickOf = (kind: Entry['kind']) => {
    const paths = [...files].filter(([, e]) => e.kind === kind);
    return paths.length > 0 ? random.pick(paths)[0] : undefined;
  };
  let count = 0;
  const fresh = (folder = '') => {
    count += 1;
    return `${folder && `${folder}/`}${place + 1}-${count}`;
  };
  const folder = fresh();
  add({ do: 'folder', path: folder });
  add(
    drawWrite(
      random,
      fresh(folder),
      size === 'large' ? LARGE_BYTES : undefined,
    ),
  );
  const further = Math.round(random.between(4, 8));
  for (let i = 0; i < further; i++) {
    const file = pickOf('file');
    const into = pickOf('folder');
    const kind = random.pick([
      'write',
      'rewrite',
      'append',
      'folder',
      'rename',
      'delete',
      'link',
    ] as const);
    if (kind === 'write') {
      add(drawWrite(random, fresh(into)));
    } else if (kind === 'folder') {
      add({ do: 'folder', path: fresh(into) });
    } else if (kind === 'link') {
      // Also to what is not there, or will not be any more.
      add({ do: 'link', path: fresh(into), target: file ?? 'nothing' });
    } else if (kind === 'rename' && into) {
      add({ do: 'rename', path: into, to: fresh() });
    } else if (kind === 'delete') {
      const path = random.next() < 0.5 ? file : into;
      if (path && path !== folder) {
        add({ do: 'delete', path });
      }
    } else if (file && kind === 'append') {
      add({ do: 'append', path: file, content: drawContent(random, 300) });
    } else if (file && kind === 'rewrite') {
      const { content, mode } = files.get(file) as Entry & { kind: 'file' };
      // Of the same length: only its times tell that it has changed.
      const other = drawContent(random, content.length);
      add({ do: 'write', path: file, content: other, mode });
    }
  }
  return edits;
}

function drawWrite(
  random: Random,
  path: string,
  bytes = random.next() * ONE_BIG_OF < 1 ? BIG_BYTES : SMALL_BYTES,
): Edit {
  const length = Math.round(random.logBetween(bytes.low, bytes.high));
  const content = drawContent(random, length);
  return { do: 'write', path, content, mode: random.pick(MODES) };
}

/** Bytes that do not get smaller by compression. */
function drawContent(random: Random, length: number): Buffer {
  return createHash('shake256', { outputLength: length })
    .update(String(random.next()))
    .digest();
}

/** Does to a model of a workspace what `carryOut` does to one. */
function apply(files: Files, edit: Edit): void {
  switch (edit.do) {
    case 'write':
      files.set(edit.path, {
        kind: 'file',
        content: edit.content,
        mode: edit.mode,
      });
      break;
    case 'append': {
      const file = files.get(edit.path) as Entry & { kind: 'file' };
      const content = Buffer.concat([file.content, edit.content]);
      files.set(edit.path, { ...file, content });
      break;
    }
    case 'folder':
      files.set(edit.path, { kind: 'folder' });
      break;
    case 'link':
      files.set(edit.path, { kind: 'link', target: edit.target });
      break;
    default:
      for (const [path, entry] of [...files]) {
        if (path === edit.path || path.startsWith(`${edit.path}/`)) {
          files.delete(path);
          if (edit.do === 'rename') {
            files.set(edit.to + path.slice(edit.path.length), entry);
          }
        }
      }
  }
}

import fc from 'fast-check';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { EngineSite, removeEngineSites } from '../__testUtils__/EngineSite';
import { readTree } from '../../../dev/harness/steps/readTree';
import { PIECE_BYTES } from './packs/packFormat';

jest.setTimeout(300_000);

afterEach(removeEngineSites);

/** Few of them, so that edits meet. */
const names = fc.constantFrom('a', 'b', 'c', 'é');
const paths = fc
  .array(names, { minLength: 1, maxLength: 3 })
  .map(parts => parts.join('/'));
const contents = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc
    .constantFrom(PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1)
    .map(length => 'x'.repeat(length)),
);
const MODES = [0o600, 0o644, 0o755, 0o444];

/** Something that a step does to a workspace. What is not possible there is left out. */
const edits = fc.oneof(
  fc.record({ do: fc.constant('write' as const), path: paths, contents }),
  fc.record({ do: fc.constant('folder' as const), path: paths }),
  fc.record({ do: fc.constant('delete' as const), path: paths }),
  fc.record({ do: fc.constant('rename' as const), path: paths, to: paths }),
  fc.record({ do: fc.constant('link' as const), path: paths, to: paths }),
  fc.record({ do: fc.constant('twin' as const), path: paths, to: paths }),
  fc.record({
    do: fc.constant('chmod' as const),
    path: paths,
    mode: fc.constantFrom(...MODES),
  }),
  fc.record({
    do: fc.constant('touch' as const),
    path: paths,
    time: fc.integer({ min: 0, max: 2_000_000_000 }),
  }),
);
type Edit = typeof edits extends fc.Arbitrary<infer T> ? T : never;

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.array(edits, { minLength: 1, maxLength: 6 }) },
    // Begins with one of the snapshots so far.
    { weight: 1, arbitrary: fc.nat() },
  ),
  { minLength: 1, maxLength: 30 },
);

function carryOut(folder: string, edit: Edit): void {
  const at = path.join(folder, edit.path);
  try {
    switch (edit.do) {
      case 'write':
        fs.mkdirSync(path.dirname(at), { recursive: true });
        fs.writeFileSync(at, edit.contents);
        break;
      case 'folder':
        fs.mkdirSync(at, { recursive: true });
        break;
      case 'delete':
        fs.rmSync(at, { recursive: true });
        break;
      case 'rename':
        fs.renameSync(at, path.join(folder, edit.to));
        break;
      case 'link':
        fs.symlinkSync(edit.to, at);
        break;
      case 'twin':
        fs.linkSync(at, path.join(folder, edit.to));
        break;
      case 'chmod':
        fs.chmodSync(at, edit.mode);
        break;
      default:
        fs.lutimesSync(at, edit.time, edit.time);
    }
  } catch (error: any) {
    if (!error.syscall) {
      throw error;
    }
  }
}

/** Carries out a sequence, and remembers how the workspace was at each snapshot. */
class Sequence {
  readonly #site: EngineSite;
  /** By the number of the snapshot; 0 for an empty workspace. */
  readonly #trees = new Map<number, Record<string, string>>([[0, {}]]);

  constructor(options: { maxKnownEntries?: number }) {
    this.#site = new EngineSite({}, options);
    // As it is: most files were written within the tick before.
    this.#site.now = Date.now;
  }

  /** What a step found, and what it was to find. */
  async carryOut(step: number | Edit[]): Promise<[unknown, unknown]> {
    return typeof step === 'number' ? this.#goBack(step) : this.#goOn(step);
  }

  /** As `carryOut`, of going back to each snapshot. */
  async goBackToAll(): Promise<[unknown, unknown][]> {
    const found: [unknown, unknown][] = [];
    for (const i of [...this.#trees.keys()].keys()) {
      found.push(await this.#goBack(i));
    }
    this.#site.remove();
    return found;
  }

  async #goBack(index: number): Promise<[unknown, unknown]> {
    const [number, tree] = [...this.#trees][index % this.#trees.size];
    await this.#site.begin(number || undefined);
    return [readTree(this.#site.folder), tree];
  }

  async #goOn(step: Edit[]): Promise<[unknown, unknown]> {
    const { folder } = this.#site;
    const before = readTree(folder, { withTimes: false });
    step.forEach(edit => carryOut(folder, edit));
    const { number, changed, missing } = await this.#site.take();
    const now = readTree(folder, { withTimes: false });
    this.#trees.set(number, readTree(folder));
    return [
      { changed, missing },
      { changed: !isDeepStrictEqual(now, before), missing: null },
    ];
  }
}

describe.each([
  ['what was seen', {}],
  ['what is stored alone', { maxKnownEntries: 0 }],
])('any sequence of edits, snapshots and restores, from %s', (_, options) => {
  it('brings each snapshot back as it was, and tells what changed', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async all => {
        const sequence = new Sequence(options);
        await sequence.carryOut(0);
        for (const step of all) {
          const [found, expected] = await sequence.carryOut(step);
          expect(found).toEqual(expected);
        }
        for (const [found, expected] of await sequence.goBackToAll()) {
          expect(found).toEqual(expected);
        }
      }),
      { numRuns: 100 },
    );
  });
});

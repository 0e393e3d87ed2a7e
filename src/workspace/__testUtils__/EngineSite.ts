import nodeFs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Engine } from '../engine/Engine';
import { StoredManifests } from '../engine/manifest/loadContent';
import { isFullManifest } from '../engine/manifest/manifestFormat';
import { Limits, Snapshot } from '../engine/takeSnapshot';
import { WorkspaceError } from '../errors';

const TASK = 'task';

/** What the database would have of a snapshot. */
type StoredSnapshot = { base?: number; manifest?: Buffer };

/** All that were made and not yet removed. */
const sites: { remove(): void }[] = [];

/** The engine without a thread or a database, on a file system in which things can be made to happen. */
export class EngineSite {
  readonly folder = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'workspace-'));
  /** By id. */
  readonly packs = new Map<string, Uint8Array<ArrayBuffer>>();
  /** By number. One that changed nothing has no manifest. */
  readonly snapshots = new Map<number, StoredSnapshot>();
  /** Replaces functions of the file system. */
  readonly fs: typeof nodeFs;
  limits: Limits = { maxBytes: 100_000_000, maxFiles: 10_000 };
  /** ms since 1970. Far enough ahead that no file counts as just written, unless a test sets it. */
  now = () => Date.now() + 60_000;
  readonly #engine: Engine;
  #number = 0;

  constructor(
    fs: Partial<typeof nodeFs> = {},
    options: { maxKnownEntries?: number } = {},
  ) {
    this.fs = { ...nodeFs, ...fs };
    this.#engine = new Engine(
      {
        putPack: async (_, pack, content) => {
          this.packs.set(pack, content);
        },
        getPack: async (_, pack) => {
          const content = this.packs.get(pack);
          if (!content) {
            throw new WorkspaceError(`Pack ${pack} is not in the store`);
          }
          return content.slice();
        },
        readManifests: async (_, number) => this.#readManifests(number),
      },
      { ...options, fs: this.fs, now: () => this.now() },
    );
    sites.push(this);
  }

  /** Restores a snapshot, or begins empty. */
  async begin(from?: number): Promise<void> {
    this.#number += 1;
    const number = this.#number;
    await this.#engine.restore({
      taskId: TASK,
      path: this.folder,
      number,
      from,
    });
    this.snapshots.set(number, { base: from });
  }

  /** Takes a snapshot, and returns it with its number. */
  async take(): Promise<Omit<Snapshot, 'next'> & { number: number }> {
    const snapshot = await this.#engine.take({
      taskId: TASK,
      path: this.folder,
      number: this.#number,
      limits: this.limits,
    });
    const base = this.#number;
    this.#number += 1;
    this.#engine.settle(TASK, this.#number);
    this.snapshots.set(this.#number, { base, manifest: snapshot.manifest });
    return { ...snapshot, number: this.#number };
  }

  #readManifests(number: number): StoredManifests {
    const manifests: StoredManifests = [];
    for (let next: number | undefined = number; next;) {
      const { base, manifest }: StoredSnapshot = this.snapshots.get(next)!;
      if (manifest) {
        manifests.unshift([manifest]);
        if (isFullManifest(manifest)) {
          break;
        }
      }
      next = base;
    }
    return manifests;
  }

  remove(): void {
    nodeFs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export function removeEngineSites(): void {
  sites.splice(0).forEach(site => site.remove());
}

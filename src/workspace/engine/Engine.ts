import nodeFs from 'node:fs';
import { BytePath, toBytePath } from './tree/bytePath';
import { Entries } from './tree/entries';
import { readableError } from './tree/fileErrors';
import { Folders } from './tree/Folders';
import { emptyFolder } from './restore/emptyFolder';
import { KnownWorkspace } from './manifest/KnownWorkspace';
import { loadContent, StoredManifests } from './manifest/loadContent';
import { restoreEntries } from './restore/restore';
import { FolderError, WorkspaceError } from '../errors';
import { Limits, Snapshot, takeSnapshot } from './takeSnapshot';

/** What the engine needs of the database and the store. */
export interface EngineHost {
  putPack(
    taskId: string,
    pack: string,
    content: Uint8Array<ArrayBuffer>,
  ): Promise<void>;
  /** @throws WorkspaceError if it is not in the store. */
  getPack(taskId: string, pack: string): Promise<Uint8Array>;
  /** What a snapshot consists of. Nothing if it is of an empty workspace. */
  readManifests(taskId: string, number: number): Promise<StoredManifests>;
}

/** A workspace of a run, and the number of the row that it was last recorded with. */
export type RunPlace = { taskId: string; path: string; number: number };

/** Entries of all runs together that are kept in memory, each of about 700 bytes. */
const MAX_KNOWN_ENTRIES = 200_000;

/**
 * Takes and restores snapshots of workspaces. Knows neither threads nor databases.
 *
 * What it has seen of a workspace is kept until the run ends, so that the next snapshot reads only what has changed. If it has to be
 * forgotten, to bound the memory or since the thread ended, all files are read again and compared with what is stored.
 */
export class Engine {
  /** By task. The one that was used last stands last. */
  readonly #known = new Map<string, KnownWorkspace>();
  /** The last snapshot of a task while it is not known whether it is recorded. */
  readonly #unrecorded = new Map<
    string,
    { known: KnownWorkspace; next: Snapshot['next'] }
  >();

  constructor(
    private readonly host: EngineHost,
    private readonly options: {
      fs?: typeof nodeFs;
      /** ms since 1970 */
      now?: () => number;
      maxKnownEntries?: number;
    } = {},
  ) {}

  /**
   * Empties a workspace and fills it with a snapshot.
   *
   * @param from - the number of the snapshot, or nothing for an empty workspace
   */
  async restore(run: RunPlace & { from?: number }): Promise<void> {
    const { taskId, number, from } = run;
    const root = toBytePath(run.path);
    this.drop(taskId);
    const { entries, chain } = loadContent(
      from === undefined ? [] : await this.host.readManifests(taskId, from),
    );
    await this.#write(taskId, root, entries);
    this.#remember(
      taskId,
      new KnownWorkspace(number, new Folders(entries), chain),
    );
  }

  /** Takes a snapshot. It counts once `settle` says that it was recorded. */
  async take(
    run: RunPlace & { limits: Limits },
  ): Promise<Omit<Snapshot, 'next'>> {
    const { taskId, number, limits } = run;
    const newest = this.#known.get(taskId);
    const known = newest?.number === number ? newest : await this.#load(run);
    const { next, ...snapshot } = await takeSnapshot({
      fs: this.#fs,
      root: toBytePath(run.path),
      known,
      limits,
      put: (pack, content) => this.host.putPack(taskId, pack, content),
      now: this.#now(),
    });
    this.#unrecorded.set(taskId, { known, next });
    return snapshot;
  }

  /**
   * @param number - the number with which the last snapshot was recorded, or nothing if it was not
   */
  settle(taskId: string, number: number | undefined): void {
    const last = this.#unrecorded.get(taskId);
    this.#unrecorded.delete(taskId);
    if (last && number !== undefined) {
      last.known.advance(number, last.next);
      this.#remember(taskId, last.known);
    }
  }

  /** As `settle`, of a snapshot that was recorded without its content. What is stored of those before it is not stored again. */
  skip(taskId: string, number: number): void {
    this.#unrecorded.delete(taskId);
    this.#known.get(taskId)?.skip(number);
  }

  /** Forgets what was seen of a workspace. */
  drop(taskId: string): void {
    this.#known.delete(taskId);
    this.#unrecorded.delete(taskId);
  }

  async #write(
    taskId: string,
    root: BytePath,
    entries: Entries,
  ): Promise<void> {
    try {
      emptyFolder(this.#fs, root);
      await restoreEntries({
        fs: this.#fs,
        root,
        entries,
        get: pack => this.host.getPack(taskId, pack),
        now: this.#now,
      });
    } catch (error: any) {
      // The file system: no space, or no permission. That does not pass by itself.
      throw error.syscall
        ? new FolderError(`The file system said: ${readableError(error)}`)
        : error;
    }
  }

  /**
   * What is stored as the last snapshot, without what the file system says of the files. Nothing if its content is missing: then all
   * files count as new, and the next snapshot stores all of them.
   */
  async #load({ taskId, number }: RunPlace): Promise<KnownWorkspace> {
    let content = loadContent([]);
    try {
      content = loadContent(await this.host.readManifests(taskId, number));
    } catch (error) {
      if (!(error instanceof WorkspaceError)) {
        throw error;
      }
    }
    const { entries, chain } = content;
    const known = new KnownWorkspace(number, new Folders(entries), chain);
    this.#remember(taskId, known);
    return known;
  }

  #remember(taskId: string, known: KnownWorkspace): void {
    this.#known.delete(taskId);
    this.#known.set(taskId, known);
    const { maxKnownEntries = MAX_KNOWN_ENTRIES } = this.options;
    let total = 0;
    for (const { entries } of this.#known.values()) {
      total += entries.size;
    }
    for (const [oldest, { entries }] of this.#known) {
      if (total <= maxKnownEntries || oldest === taskId) {
        break;
      }
      this.#known.delete(oldest);
      total -= entries.size;
    }
  }

  get #fs(): typeof nodeFs {
    return this.options.fs ?? nodeFs;
  }

  get #now(): () => number {
    return this.options.now ?? Date.now;
  }
}

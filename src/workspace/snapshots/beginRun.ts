import { Knex } from 'knex';
import fs from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isConnectionLost } from '../../database/connection/isConnectionLost';
import {
  Begun,
  insertBegin,
} from '../../database/operations/snapshots/insertBegin';
import { markDamaged } from '../../database/operations/snapshots/markDamaged';
import { readNeeds } from '../../database/operations/snapshots/readNeeds';
import { readNewestSnapshot } from '../../database/operations/snapshots/readNewestSnapshot';
import {
  formatNeeds,
  parseNeeds,
  SnapshotNeeds,
  uniteNeeds,
  whyUnreadable,
} from '../../decision/plan/snapshotNeeds';
import { safeError } from '../../util/safeError';
import { FolderError, UnreadableError, WorkspaceError } from '../errors';
import { deleteOrphans } from '../stores/deletion/deleteOrphans';
import { expectStored } from '../stores/deletion/expectStored';
import { RunContext, RunSnapshots } from './RunSnapshots';

/** How long a run waits for the database before it fails, in ms. */
const RETRY_FOR = 60_000;

/** The first wait between two tries, in ms. It doubles up to the second one. */
const RETRY_AFTER = 200;
const MAX_RETRY_AFTER = 5_000;

/** After so many tries a first run goes on without the thread for workspaces, of which it needs nothing but snapshots. */
const TRIES_WITHOUT_FILES = 3;

/** In place of the row of a run that the database did not record. */
const UNRECORDED = 'unrecorded';

export type BeginOptions = {
  taskId: string;
  path: string;
  from: number | undefined;
  attempt: number;
};

/** What runs need of their process to begin. */
export type BeginContext = RunContext & {
  /** By task, the stores that the files of a run are in which is about to begin. */
  sources: Map<string, string[]>;
  retryForMs?: number;
  /** Ends the waiting for the database. */
  signal: AbortSignal;
};

/**
 * Begins a run, as `Snapshots.begin` describes it.
 *
 * @returns nothing if the run goes on without snapshots.
 */
export async function beginRun(
  context: BeginContext,
  options: BeginOptions,
): Promise<RunSnapshots | undefined> {
  const begin = performance.now();
  let result: 'ok' | 'failed' = 'failed';
  try {
    const run = await beginWithRetries(context, options);
    result = 'ok';
    return run;
  } finally {
    context.sources.delete(options.taskId);
    if (options.from !== undefined) {
      const seconds = (performance.now() - begin) / 1000;
      context.listener?.restored(seconds, result);
    }
  }
}

async function beginWithRetries(
  context: BeginContext,
  options: BeginOptions,
): Promise<RunSnapshots | undefined> {
  const { engine, logger, signal, sources, stores } = context;
  const { taskId, path, from } = options;
  const deadline = Date.now() + (context.retryForMs ?? RETRY_FOR);
  let source: SnapshotNeeds | undefined;
  let begun: Begun | typeof UNRECORDED | undefined;
  for (let tries = 1; ; tries++) {
    try {
      source ??= await readSource(context, options);
      const needs = uniteNeeds(source, stores.written);
      begun ??= await recordBegin(context, options, needs);
      const number = begun === UNRECORDED ? 0 : begun.number;
      sources.set(taskId, source.stores);
      await engine.call('restore', { taskId, path, from, number });
      if (begun !== UNRECORDED) {
        if (begun.epoch > 1) {
          await tryDeleteOrphans(context, taskId, number);
        }
        return new RunSnapshots(context, taskId, path, begun, needs);
      }
      await engine.tell('drop', taskId);
      return undefined;
    } catch (error) {
      const isFinal = error instanceof WorkspaceError || Date.now() >= deadline;
      const isFirstRun =
        from === undefined && (begun === UNRECORDED || begun?.epoch === 1);
      if (
        isFirstRun &&
        !isFinal &&
        tries >= TRIES_WITHOUT_FILES &&
        (await isEmpty(path))
      ) {
        // It is not the database: that has recorded the run, or has said that it does not.
        logger.warn(
          `No snapshots are made of task ${taskId} in this run, since the thread for workspaces does not run. If it is interrupted, more of its steps run again.`,
          safeError(error),
        );
        context.listener?.skipped('workspace');
        return undefined;
      }
      if (isFinal || signal.aborted) {
        await forgetIfDamaged(context, options, error);
        throw restoreError(options, tries, error);
      }
      logger.warn(
        `Could not restore the workspace of task ${taskId}, trying again`,
        safeError(error),
      );
      const delay = Math.min(RETRY_AFTER * 2 ** (tries - 1), MAX_RETRY_AFTER);
      await sleep(delay, undefined, { signal }).catch(() => {});
    }
  }
}

/** What the files that a run begins with are read with. */
async function readSource(
  { knex, stores }: RunContext,
  { taskId, from }: BeginOptions,
): Promise<SnapshotNeeds> {
  const row =
    from === undefined
      ? undefined
      : await readNeeds(knex, { taskId, number: from });
  if (!row) {
    return { stores: [], keys: [] };
  }
  const needs = parseNeeds(row.needs);
  const problem = whyUnreadable(needs, stores.readable);
  if (problem) {
    throw new UnreadableError(
      `Snapshot ${from} cannot be read: ${problem}. Add it, or the task runs without these files once it is retried`,
    );
  }
  return needs;
}

/** Records that a run begins. Without it goes on what needs no record, if the database refuses: its user may not write to the table. */
async function recordBegin(
  { knex, logger, listener, stores }: RunContext,
  options: BeginOptions,
  needs: SnapshotNeeds,
): Promise<Begun | typeof UNRECORDED> {
  const { taskId, from } = options;
  try {
    await expectStored(knex, { taskId, stores });
    return await insertBegin(knex, {
      ...options,
      base: from,
      needs: formatNeeds(needs),
    });
  } catch (error) {
    if (isConnectionLost(error) || !(await isFirst(knex, options))) {
      throw error;
    }
    logger.warn(
      `No snapshots are made of task ${taskId} in this run, since it could not be recorded that it begins. If it is interrupted, more of its steps run again.`,
      safeError(error),
    );
    listener?.skipped('store');
    return UNRECORDED;
  }
}

/**
 * Whether a run needs no files, and there is no row of the task that could count for it. An earlier run that has a row still owns the
 * newest epoch, so that its snapshots, also of a stalled process, would look as if this run had made them.
 */
async function isFirst(
  knex: Knex,
  { taskId, from }: BeginOptions,
): Promise<boolean> {
  return from === undefined && !(await readNewestSnapshot(knex, taskId));
}

/** Whether nothing is left in the folder of a run that somebody has to remove. */
async function isEmpty(path: string): Promise<boolean> {
  const names = await fs.readdir(path).catch(() => [path]);
  return names.length === 0;
}

/** A retry would fail at the same. Without this snapshot it is planned otherwise. */
async function forgetIfDamaged(
  { knex, logger }: RunContext,
  { taskId, from }: BeginOptions,
  error: unknown,
): Promise<void> {
  const isDamaged =
    error instanceof WorkspaceError &&
    !(error instanceof FolderError) &&
    !(error instanceof UnreadableError);
  if (isDamaged && from !== undefined) {
    const problem = error.message;
    logger.warn(
      `Task ${taskId} could not begin with snapshot ${from}. ${problem}. If the task is retried, it is planned without that snapshot.`,
    );
    await markDamaged(knex, { taskId, number: from, problem }).catch(failure =>
      logger.warn(
        `Could not record that snapshot ${from} of task ${taskId} cannot be restored`,
        safeError(failure),
      ),
    );
  }
}

/** What earlier runs stored and did not record. What cannot be deleted now is deleted by a later run, or with the task. */
async function tryDeleteOrphans(
  { knex, stores, logger }: RunContext,
  taskId: string,
  newest: number,
): Promise<void> {
  try {
    await deleteOrphans({ knex, stores, taskId, newest });
  } catch (error) {
    logger.debug(
      `Could not look for packs of task ${taskId} that no snapshot has`,
      safeError(error),
    );
  }
}

function restoreError(
  { taskId, from }: BeginOptions,
  tries: number,
  error: unknown,
): Error {
  const what =
    from === undefined
      ? 'an empty workspace'
      : `the workspace as of snapshot ${from}`;
  return new Error(
    `Could not begin the run of task ${taskId} with ${what}, tried ${tries} times. ${safeError(error).message}. Nothing has run; the task can be retried once that is mended.`,
  );
}

import fs from 'node:fs/promises';
import path from 'node:path';
import { StepProblem } from '../../harness/actions/journal';

const MARKER = 'run';

/**
 * Tells the claims of a task apart, by the cancel signal, of which the scaffolder (4.2.0) makes one for each claim. As a second sign, each
 * run leaves a file in its workspace in which it began. The two differ if a run got the workspace of another, or lost its own.
 */
export class ClaimedWorkspaces {
  readonly #startedAt = Date.now();
  readonly #runs = new WeakMap<AbortSignal, string>();
  #count = 0;

  /** The run that a step belongs to, and whether it is the first step of it that asks. */
  runOf(claim: AbortSignal): { runId: string; isFirst: boolean } {
    const known = this.#runs.get(claim);
    if (known) {
      return { runId: known, isFirst: false };
    }
    this.#count += 1;
    const runId = `${process.pid}-${this.#startedAt}-${this.#count}`;
    this.#runs.set(claim, runId);
    return { runId, isFirst: true };
  }

  /**
   * To be called by each step when it begins.
   *
   * @param options.beginsEmpty - whether each run of the task begins in an empty workspace. Otherwise it may begin with the files of
   *   finished steps, the mark of an earlier run among them
   */
  async enter(
    claim: AbortSignal,
    workspacePath: string,
    { beginsEmpty }: { beginsEmpty: boolean },
  ): Promise<{ runId: string; problems: StepProblem[] }> {
    const { runId, isFirst } = this.runOf(claim);
    const marker = path.join(workspacePath, MARKER);
    const marked = await fs.readFile(marker, 'utf8').catch(() => 'nobody');
    const problems: StepProblem[] = [];
    if (!isFirst) {
      if (marked !== runId) {
        const detail = `the workspace is that of ${marked}`;
        problems.push({ kind: 'workspaceLost', detail });
      }
      return { runId, problems };
    }
    const files = await fs.readdir(workspacePath);
    await fs.writeFile(marker, runId);
    if (files.length > 0 && beginsEmpty) {
      const detail = `it has ${files.join(', ')} of ${marked}`;
      problems.push({ kind: 'workspaceNotFresh', detail });
    }
    return { runId, problems };
  }
}

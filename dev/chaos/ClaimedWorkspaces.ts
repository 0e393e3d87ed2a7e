import fs from 'node:fs/promises';
import path from 'node:path';
import { StepProblem } from '../harness/journal';

const MARKER = 'run';

/**
 * Tells the claims of a task apart, by a file that the first step of a run leaves in the workspace. As a second sign that
 * owes nothing to the disk it takes the cancel signal, of which the scaffolder (4.2.0) makes one for each claim. The two
 * differ if a run got the workspace of another, or lost its own.
 */
export class ClaimedWorkspaces {
  readonly #startedAt = Date.now();
  readonly #runs = new WeakMap<AbortSignal, string>();
  #count = 0;

  /** To be called by each step when it begins. */
  async enter(
    claim: AbortSignal,
    workspacePath: string,
  ): Promise<{ runId: string; problems: StepProblem[] }> {
    const known = this.#runs.get(claim);
    const marker = path.join(workspacePath, MARKER);
    const marked = await fs.readFile(marker, 'utf8').catch(() => undefined);
    if (known) {
      return {
        runId: known,
        problems:
          marked === known
            ? []
            : [
                {
                  kind: 'workspaceLost',
                  detail: `the workspace is that of ${marked ?? 'nobody'}`,
                },
              ],
      };
    }

    this.#count += 1;
    const runId = `${process.pid}-${this.#startedAt}-${this.#count}`;
    this.#runs.set(claim, runId);
    const files = await fs.readdir(workspacePath);
    await fs.writeFile(marker, runId);
    return {
      runId,
      problems:
        files.length === 0
          ? []
          : [
              {
                kind: 'workspaceNotFresh',
                detail: `it has ${files.join(', ')} of ${marked ?? 'nobody'}`,
              },
            ],
    };
  }
}

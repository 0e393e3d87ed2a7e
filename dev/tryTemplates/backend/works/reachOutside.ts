import { resolveSafeChildPath } from '@backstage/backend-plugin-api';
import fs from 'node:fs/promises';
import path from 'node:path';
import { writeFile } from './sampleFiles';
import type { WorkContext } from '../StepRuns';

/** What is half written while a step is held. */
const HALF = '.half-written';

/** A repository that a push leaves, as far as it matters: with empty folders and an executable file. */
const REPOSITORY: Record<string, string | undefined> = {
  '.git/HEAD': 'ref: refs/heads/main\n',
  '.git/config': '[core]\n\tbare = false\n',
  '.git/hooks/pre-push': '#!/bin/sh\n',
  '.git/objects/pack': undefined,
  '.git/refs/tags': undefined,
};

/**
 * Stands for an action that reaches outside. What it does there is that its call is noted. It leaves a half-written file while it runs,
 * and if it publishes a repository, that of the working copy.
 */
export function reachOutside(action: string) {
  const isPush =
    /^publish:/.test(action) && !/request|review|branch/i.test(action);
  return async ({
    input,
    workspacePath,
    plan,
    step,
    output,
    pause,
  }: WorkContext): Promise<void> => {
    const half = path.join(workspacePath, HALF);
    await fs.writeFile(half, action);
    const source = `${input?.sourcePath ?? '.'}`;
    const folder = resolveSafeChildPath(workspacePath, source);
    if (isPush) {
      await writeRepository(folder);
    }
    await pause();
    await fs.rm(half);
    for (const [name, value] of Object.entries(plan.outputs[step!.id!] ?? {})) {
      output(name, value);
    }
  };
}

async function writeRepository(folder: string): Promise<void> {
  for (const [name, content] of Object.entries(REPOSITORY)) {
    const at = path.join(folder, name);
    if (content === undefined) {
      await fs.mkdir(at, { recursive: true });
    } else {
      const mode = name.includes('hooks') ? 0o755 : 0o644;
      await writeFile(at, content, { doesReplace: true, mode });
    }
  }
}

import { JsonObject } from '@backstage/types';
import fs from 'node:fs/promises';
import path from 'node:path';
import { fillParameters } from './read/parameters/fillParameters';
import { findTemplates } from './read/findTemplates';
import { uniqueNames } from './read/copies';
import { referredOutputs } from './read/outputs';
import { fillSecrets } from './read/parameters/secrets';
import type { FoundTemplate, LeftOut } from './read/template';
import type { TaskPlan } from './taskPlan';

/** A template with all that its tasks are started with. */
export type TriedTemplate = FoundTemplate & {
  /** A name of its own among all templates. */
  name: string;
  /** What to start it with, in the order in which to try: the scaffolder may refuse what was filled in. */
  values: JsonObject[];
  /** What could not be filled in of the first of these. */
  unfilled: string[];
  secrets: Record<string, string>;
  plan: TaskPlan;
};

/** What stays behind when templates are copied: what a code host does not give out with them. */
const NOT_COPIED = ['.git', 'node_modules'];

/**
 * Copies a folder of templates and reads what is needed to run them.
 *
 * @param folder - absolute, and left as it is
 * @param directory - takes the copy
 */
export async function prepareTemplates(
  folder: string,
  directory: string,
): Promise<{ templates: TriedTemplate[]; leftOut: LeftOut[] }> {
  await fs.cp(folder, directory, {
    recursive: true,
    verbatimSymlinks: true,
    filter: source => !NOT_COPIED.includes(path.basename(source)),
  });
  await setModes(directory);
  const { found, leftOut } = await findTemplates(directory);
  const names = uniqueNames(found);
  const templates = found.map((template, i) => {
    const { entity, file } = template;
    const { parameters } = entity.spec;
    const all = fillParameters(parameters, 'all');
    return {
      ...template,
      name: names[i],
      values: [all.values, fillParameters(parameters, 'required').values],
      unfilled: all.unfilled.map(u => `${u.name}: ${u.reason}`),
      secrets: fillSecrets(entity),
      plan: { folder: directory, file, outputs: referredOutputs(entity) },
    };
  });
  return { templates, leftOut };
}

/** Sets the modes that a clone has, which knows of nothing but executable files. What has others depends on who copied the folder. */
async function setModes(directory: string): Promise<void> {
  const options = { recursive: true, withFileTypes: true } as const;
  for (const entry of await fs.readdir(directory, options)) {
    const at = path.join(entry.parentPath, entry.name);
    if (entry.isDirectory()) {
      await fs.chmod(at, 0o755);
    } else if (entry.isFile()) {
      const { mode } = await fs.stat(at);
      // eslint-disable-next-line no-bitwise
      await fs.chmod(at, mode & 0o100 ? 0o755 : 0o644);
    }
  }
}

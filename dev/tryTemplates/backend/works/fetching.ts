import { resolveSafeChildPath } from '@backstage/backend-plugin-api';
import fs from 'node:fs/promises';
import path from 'node:path';
import { writeFile, writeSample } from './sampleFiles';
import type { WorkContext } from '../StepRuns';

/** Whether a URL is absolute, also if its host is to be filled in by whoever installs the template. */
export function isRemote(url: unknown): boolean {
  return /^[a-z][a-z+.-]*:/i.test(`${url}`);
}

/**
 * Has a relative URL read from the folder of the templates. From a file the scaffolder reads nothing outside of the file's folder,
 * which it does from a code host, where templates usually are.
 */
export async function resolveUrl(
  id: string,
  context: WorkContext,
): Promise<WorkContext> {
  const { plan, input, workspacePath } = context;
  const { folder, file } = plan;
  const url = path.relative(
    folder,
    path.resolve(folder, path.dirname(file), `${input.url}`),
  );
  if (id.endsWith(':file')) {
    // Likewise only from a file, the action needs the folder to be there.
    const target = resolveSafeChildPath(workspacePath, input.targetPath);
    await fs.mkdir(path.dirname(target), { recursive: true });
  }
  return {
    ...context,
    input: { ...input, url: url || '.' },
    templateInfo: {
      ...context.templateInfo!,
      baseUrl: `file://${path.join(folder, 'template.yaml')}`,
    },
  };
}

/** Writes what might be at a URL, always the same, where the action would put it. */
export async function fetchRemote(
  id: string,
  { input, workspacePath }: WorkContext,
): Promise<void> {
  const { url, targetPath = '.', values, replace } = input;
  const target = resolveSafeChildPath(workspacePath, targetPath);
  const text = `From ${url} with ${JSON.stringify(values ?? {})}\n`;
  const doesReplace = id.startsWith('fetch:plain') || Boolean(replace);
  if (id.endsWith(':file')) {
    await writeFile(target, text, { doesReplace });
  } else {
    await writeSample(target, text, doesReplace);
  }
}

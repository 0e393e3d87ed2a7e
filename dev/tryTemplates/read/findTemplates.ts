import { JsonObject } from '@backstage/types';
import glob from 'fast-glob';
import path from 'node:path';
import { readTemplates } from '../../../src/check/readTemplates';
import { resolvePlaceholders } from './placeholders';
import type { FoundTemplate, LeftOut, Template } from './template';

const API_VERSION = 'scaffolder.backstage.io/v1beta3';

/**
 * All templates in a folder, with those that cannot be tried and why.
 *
 * @param folder - absolute
 */
export async function findTemplates(
  folder: string,
): Promise<{ found: FoundTemplate[]; leftOut: LeftOut[] }> {
  const files = await glob('**/*.{yaml,yml}', {
    cwd: folder,
    ignore: ['**/node_modules/**'],
  });
  const found: FoundTemplate[] = [];
  const leftOut: LeftOut[] = [];
  for (const file of files.sort()) {
    const { templates, errors } = readTemplates(path.join(folder, file));
    for (const { message } of errors) {
      leftOut.push({ name: file, reason: `it is not valid YAML: ${message}` });
    }
    for (const { name, entity } of templates) {
      const reason = whyNot(entity as JsonObject);
      if (reason) {
        leftOut.push({ name: `${name} (${file})`, reason });
        continue;
      }
      found.push({
        file,
        entity: resolvePlaceholders(
          entity as Template,
          path.dirname(path.join(folder, file)),
        ),
      });
    }
  }
  return { found, leftOut };
}

function whyNot({ apiVersion, metadata, spec }: JsonObject) {
  if (apiVersion !== API_VERSION) {
    return `its apiVersion is ${apiVersion}; ${API_VERSION} is tried`;
  }
  const name = (metadata as JsonObject | undefined)?.name;
  if (typeof name !== 'string' || name.includes('{')) {
    return 'it has no name of its own, as a template that is filled in first';
  }
  const steps = (spec as JsonObject | undefined)?.steps;
  return Array.isArray(steps) && steps.length > 0
    ? undefined
    : 'it has no steps';
}

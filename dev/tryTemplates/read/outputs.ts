import { JsonObject, JsonValue } from '@backstage/types';
import { createHash } from 'node:crypto';
import { Template, textsOf } from './template';

const ACCESS = String.raw`\s*(?:\??\.\s*[A-Za-z_$][\w$-]*|(?:\?\.)?\[\s*(?:'[^']*'|"[^"]*"|\d+)\s*\])`;
const REFERENCE = new RegExp(
  String.raw`\bsteps((?:${ACCESS}){2,})(\s*\()?`,
  'g',
);
const KEY = /[A-Za-z_$][\w$-]*|'[^']*'|"[^"]*"|\d+/g;

const REPOSITORY = 'https://github.com/my-org/my-service';

/**
 * What each step is to output if its action is replaced: a value for each name that the template refers to, by the step's id.
 */
export function referredOutputs({
  spec,
}: Template): Record<string, JsonObject> {
  const outputs: Record<string, JsonObject> = {};
  const lists = new Set(
    spec.steps.flatMap(step => textsOf(step.each).flatMap(referencesIn)),
  );
  const listed = [...lists].map(r => r.join('.'));
  for (const reference of textsOf(spec).flatMap(referencesIn)) {
    const [stepId, ...names] = reference;
    const isList = listed.includes(reference.join('.'));
    outputs[stepId] ??= {};
    put(outputs[stepId], names, isList ? ['first', 'second'] : stepId);
  }
  return outputs;
}

/** The ids of steps with the names of what is read of their output. */
function referencesIn(text: string): string[][] {
  return [...text.matchAll(REFERENCE)].flatMap(([, accesses, call]) => {
    const [id, output, ...names] = [...accesses.matchAll(KEY)].map(([key]) =>
      key.replace(/^['"]|['"]$/g, ''),
    );
    // What is called is a method of the value, and so is the length of a list or text.
    const end = call || names.at(-1) === 'length' ? -1 : undefined;
    const read = names.slice(0, end);
    return output === 'output' && read.length > 0 ? [[id, ...read]] : [];
  });
}

function put(
  output: JsonObject,
  [name, ...rest]: string[],
  value: string | string[],
): void {
  if (rest.length === 0) {
    output[name] ??= Array.isArray(value) ? value : plausible(name, value);
    return;
  }
  const inner = output[name];
  if (!inner || typeof inner !== 'object') {
    output[name] = /^\d+$/.test(rest[0]) ? [] : {};
  }
  put(output[name] as JsonObject, rest, value);
}

/** A value as the output of that name might have, always the same. */
function plausible(name: string, stepId: string): JsonValue {
  switch (name) {
    case 'remoteUrl':
      return `${REPOSITORY}.git`;
    case 'repoContentsUrl':
      return `${REPOSITORY}/blob/main`;
    case 'commitHash':
      return createHash('sha1').update(stepId).digest('hex');
    case 'entityRef':
      return 'component:default/my-service';
    case 'entity':
      return {
        apiVersion: 'backstage.io/v1alpha1',
        kind: 'Component',
        metadata: { name: 'my-service', namespace: 'default' },
        spec: { type: 'service', lifecycle: 'production', owner: 'my-team' },
      };
    default:
      break;
  }
  if (/url$/i.test(name)) {
    return `${REPOSITORY}/${name}`;
  }
  return /(number|id)$/i.test(name) ? 1 : `${stepId}-${name}`;
}

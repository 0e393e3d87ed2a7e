import { isBlock, Problem, unknownKeys } from '../template/dependencies';
import { inQuotes } from '../util/shown';
import { stepsOfTemplate } from '../template/validateTemplate';

/**
 * Finds what was most likely meant to be a recovery block and is none. Only a warning: templates may have keys of their own.
 */
export function findTypos(spec: Record<string, unknown>): Problem[] {
  const steps = Array.isArray(spec.steps) ? spec.steps : [];
  return [
    ...misspelt(spec, [], 'spec'),
    ...stepsOfTemplate(spec).flatMap(({ id, recovery }, i) => {
      const step = isBlock(steps[i]) ? steps[i] : {};
      const path = ['steps', i];
      const found = misspelt(step, path, `Step ${inQuotes(id)}`);
      if ('dependsOn' in step) {
        found.push({
          path: [...path, 'dependsOn'],
          message: `Step ${inQuotes(id)} has dependsOn beside its action, where it is ignored; did you mean recovery.dependsOn?`,
        });
      }
      if (recovery !== undefined && !('recovery' in spec)) {
        found.push({
          path: [...path, 'recovery'],
          message: `Step ${inQuotes(id)} has a recovery block, which is ignored, since the template has no spec.recovery.strategy`,
        });
      }
      return found;
    }),
  ];
}

function misspelt(
  block: Record<string, unknown>,
  path: (string | number)[],
  where: string,
): Problem[] {
  return unknownKeys(block, ['recovery'])
    .filter(({ hint }) => hint)
    .map(({ key, hint }) => ({
      path: [...path, key],
      message: `${where} has ${key}, which is unknown${hint}`,
    }));
}

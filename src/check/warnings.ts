import { isBlock, Problem, readDependencies } from '../template/dependencies';
import { stepsOfTemplate } from '../template/validateTemplate';
import { ActionTraits, traitsOf } from './actions';

/**
 * Finds what a restart would break in a template whose recovery blocks make sense.
 *
 * @param actions - what is known of further actions, or known better
 */
export function findWarnings(
  spec: Record<string, unknown>,
  actions: Record<string, ActionTraits> = {},
): Problem[] {
  const strategy = isBlock(spec.recovery) ? spec.recovery.strategy : undefined;
  if (strategy !== 'restart' && strategy !== 'idempotent') {
    return [];
  }
  const steps = stepsOfTemplate(spec);
  const traits = steps.map(({ action }) =>
    action === undefined ? undefined : traitsOf(action, actions),
  );
  const { dependencies } = readDependencies(steps);

  const warnings: Problem[] = [];
  steps.forEach(({ id, action }, i) => {
    if (strategy === 'idempotent' && traits[i]?.reads) {
      const brought = withAllOf(id, dependencies);
      const missing = steps
        .slice(0, i)
        .filter((s, k) => traits[k]?.writes && !brought.has(s.id))
        .map(s => s.id);
      if (missing.length > 0) {
        const all = [...dependencies.get(id)!, ...missing];
        warnings.push({
          path: ['steps', i],
          message: `'${id}' reads the workspace that ${quoted(
            missing,
          )} filled; after a restart it would be empty. Add recovery: { dependsOn: [${all.join(
            ', ',
          )}] }`,
        });
      }
    }
    if (traits[i]?.unguarded) {
      warnings.push({
        path: ['steps', i],
        message: `'${id}' runs ${action}, which has an effect outside and does not guard it with a checkpoint; with the strategy '${strategy}' it may happen twice. Make sure that it may, or use the strategy 'none'`,
      });
    }
  });
  return warnings;
}

/** All that a step depends on, directly or through others. */
function withAllOf(
  id: string,
  dependencies: Map<string, string[]>,
  found = new Set<string>(),
): Set<string> {
  for (const dependency of dependencies.get(id) ?? []) {
    if (!found.has(dependency)) {
      found.add(dependency);
      withAllOf(dependency, dependencies, found);
    }
  }
  return found;
}

function quoted(ids: string[]): string {
  const names = ids.map(id => `'${id}'`);
  return names.length > 1
    ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
    : names[0];
}

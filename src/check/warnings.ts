import { posix } from 'node:path';
import { Strategy, strategyOfTemplate } from '../decision/strategy';
import {
  addDependencies,
  Problem,
  readDependencies,
  Step,
} from '../template/dependencies';
import { inQuotes, quoted } from '../util/shown';
import { stepsOfTemplate } from '../template/validateTemplate';
import { Left, StepTraits, traitsOf } from './actions';
import { CheckOptions } from './templatePlan';

const LEFT_NAMES: Record<Left, string> = {
  login: 'a login on the host',
  environment: 'environment variables in the process',
  process: 'a process on the host',
  'temporary folder': 'a temporary folder on the host',
};

/** Finds what a restart would break in a template whose recovery blocks are valid. */
export function findWarnings(
  spec: Record<string, unknown>,
  { actions, withoutSnapshots = false }: CheckOptions = {},
): Problem[] {
  const { strategy } = strategyOfTemplate('', spec);
  const steps = stepsOfTemplate(spec);
  const traits = steps.map(step => traitsOf(step, actions));
  const { dependencies } = readDependencies(steps);
  /** All that a step depends on, directly or through others. */
  const dependenciesOf = (id: string) =>
    addDependencies(new Set(dependencies.get(id)), dependencies);
  const isShared = (id: string) => steps.filter(s => s.id === id).length > 1;

  const warnings: Problem[] = [];
  steps.forEach(({ id, action }, i) => {
    if (sharesId(steps, i, strategy)) {
      warnings.push({
        path: ['steps', i],
        message: `${inQuotes(id)} is also the id of an earlier step. Its output and its state replace those of that one, and after an interruption all steps with that id run again unless each of them had finished or been skipped. Give it an id of its own`,
      });
    }
    if (strategy === 'none') {
      return;
    }
    if (isShared(id)) {
      // What this one depends on cannot be inferred from what the others do.
    } else if (
      withoutSnapshots &&
      strategy === 'idempotent' &&
      traits[i]?.reads
    ) {
      const brought = dependenciesOf(id);
      const written = steps
        .slice(0, i)
        .filter((_, k) => traits[k]?.writes && !areApart(traits[k], traits[i]!))
        .map(s => s.id);
      const missing = [...new Set(written)].filter(s => !brought.has(s));
      if (missing.length > 0) {
        const all = [...(dependencies.get(id) ?? []), ...missing];
        warnings.push({
          path: ['steps', i],
          message: `'${id}' reads the workspace that ${quoted(
            missing,
          )} filled; after a restart it would be empty without snapshots. Add recovery: { dependsOn: [${all.join(
            ', ',
          )}] }`,
        });
      }
    }
    const left = traits[i]?.leaves;
    const later = steps.slice(i + 1);
    // Who names it for one step has thought of the others.
    const isNamed = later.some(s => dependenciesOf(s.id).has(id));
    if (left && strategy === 'idempotent' && later.length > 0 && !isNamed) {
      warnings.push({
        path: ['steps', i],
        message: `'${id}' leaves ${LEFT_NAMES[left]}, which is gone after a restart, and no snapshot of the workspace brings back. Add recovery: { dependsOn: [${id}] } to each later step that needs it`,
      });
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

/**
 * Whether a step has the id of an earlier one, and that matters: the scaffolder's records, its page and the outputs know steps by
 * their ids. With `restart` all steps run again. With `none` none does, so that steps of which each has a condition, as for several
 * places to publish to, may share one.
 */
function sharesId(steps: Step[], place: number, strategy: Strategy): boolean {
  const sharing = steps.filter(s => s.id === steps[place].id);
  return (
    sharing[0] !== steps[place] &&
    strategy !== 'restart' &&
    (strategy === 'idempotent' || sharing.some(s => s.if === undefined))
  );
}

/** Whether a step writes where another does not read, as far as the paths that the template gives them show. */
function areApart(writer: StepTraits, reader: StepTraits): boolean {
  if (writer.writesTo === undefined || reader.readsFrom === undefined) {
    return false;
  }
  const [to, from] = [writer.writesTo, reader.readsFrom].map(segments);
  for (let i = 0; i < Math.min(to.length, from.length); i++) {
    if (/[{}*?[]/.test(to[i] + from[i])) {
      // Whatever that will be.
      return false;
    }
    if (to[i] !== from[i]) {
      return true;
    }
  }
  // One lies within the other.
  return false;
}

function segments(path: string): string[] {
  return posix
    .normalize(path)
    .split('/')
    .filter(s => s !== '' && s !== '.');
}

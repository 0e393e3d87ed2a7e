import { JsonValue } from '@backstage/types';
import type { Call } from '../journal';
import { callsOf, Outcome } from './outcome';

/** What differs from the task that was not interrupted. */
export type Comparison = {
  /** In full sentences. Nothing if all is as it should be. */
  problems: string[];
  /** How many actions that reach outside ran more often than they should, without those of the interrupted step. */
  twice: number;
  /** How many of steps that had run after a failed step. That one runs again, so they have to: they may have cleaned up after it. */
  afterFailure: number;
};

/** So many differences of one thing are named. */
const SHOWN = 3;

/**
 * Compares two tasks of one template by what people see: status, error, output, and what reached the outside, with which input
 * and which files.
 *
 * @param interruptedIn - the id of the step in which `found` was interrupted, which may run twice
 */
export function compareOutcomes(
  expected: Outcome,
  found: Outcome,
  interruptedIn?: string,
): Comparison {
  const problems: string[] = [];
  if (found.status !== expected.status) {
    const why = found.error ? `: ${found.error}` : '';
    problems.push(`it is ${found.status}, not ${expected.status}${why}`);
  } else if (found.error !== expected.error) {
    problems.push(`it failed with '${found.error}', not '${expected.error}'`);
  }
  const output = differences(found.output, expected.output);
  if (found.status === expected.status && output) {
    problems.push(`its output differs: ${output}`);
  }
  const effects = compareEffects(expected, found, interruptedIn);
  return { ...effects, problems: [...problems, ...effects.problems] };
}

function compareEffects(
  expected: Outcome,
  found: Outcome,
  interruptedIn?: string,
): Comparison {
  const problems = new Set<string>();
  const failure = expected.entries.find(e => e.kind === 'failure');
  let twice = 0;
  let afterFailure = 0;
  const wanted = groupEffects(expected);
  const made = groupEffects(found);
  for (const [key, calls] of made) {
    const originals = wanted.get(key) ?? [];
    const [first] = calls;
    if (originals.length === 0) {
      problems.add(`${nameOf(first)} ran, which it should not`);
      continue;
    }
    for (const call of calls) {
      const texts = originals.map(original => differenceOf(call, original));
      if (texts.every(Boolean)) {
        problems.add(`${nameOf(call)} ran with ${texts[0]}`);
      }
    }
    const more = Math.max(0, calls.length - originals.length);
    if (failure && originals[0].run > failure.run) {
      afterFailure += more;
    } else if (first.stepId !== interruptedIn) {
      twice += more;
    }
  }
  for (const [key, originals] of wanted) {
    const missing = originals.length - (made.get(key)?.length ?? 0);
    if (missing > 0) {
      problems.add(`${nameOf(originals[0])} did not run`);
    }
  }
  return { problems: [...problems], twice, afterFailure };
}

/** The calls of actions that reach outside, by what tells them apart: not by the number of the run, which differs after a restart. */
function groupEffects(outcome: Outcome): Map<string, Call[]> {
  const groups = new Map<string, Call[]>();
  for (const call of callsOf(outcome)) {
    if (call.effect) {
      const { stepId, stepName, action, iteration } = call;
      const key = JSON.stringify([stepId, stepName, action, iteration]);
      groups.set(key, [...(groups.get(key) ?? []), call]);
    }
  }
  return groups;
}

function nameOf({ stepId, action }: Call): string {
  return `'${stepId}' (${action})`;
}

function differenceOf(found: Call, expected: Call): string | undefined {
  const input = differences(found.effect!.input, expected.effect!.input);
  const files = differences(found.effect!.tree, expected.effect!.tree);
  return (
    [input && `another input: ${input}`, files && `other files: ${files}`]
      .filter(Boolean)
      .join(' and ') || undefined
  );
}

/** The first differences of two values, by their paths. Nothing if they are equal. */
function differences(
  found: JsonValue | undefined,
  expected: JsonValue | undefined,
): string | undefined {
  const [left, right] = [flatten(found), flatten(expected)];
  const differing = [...new Set([...left.keys(), ...right.keys()])]
    .filter(at => left.get(at) !== right.get(at))
    .sort()
    .map(
      at =>
        `${at || 'it'} is ${left.get(at) ?? 'not there'} instead of ${
          right.get(at) ?? 'not there'
        }`,
    );
  const more = differing.length - SHOWN;
  return differing.length > 0
    ? `${differing.slice(0, SHOWN).join(', ')}${
        more > 0 ? ` and ${more} more` : ''
      }`
    : undefined;
}

function flatten(value: unknown, at = ''): Map<string, string> {
  if (value === undefined) {
    return new Map();
  }
  const isBlock = value && typeof value === 'object';
  return isBlock && (at === '' || Object.keys(value).length > 0)
    ? new Map(
        Object.entries(value).flatMap(([key, inner]) => [
          ...flatten(inner, at ? `${at} / ${key}` : key),
        ]),
      )
    : new Map([[at, JSON.stringify(value)]]);
}

import { parseArgs } from 'node:util';
import type { Scenario } from './scenario';
import { SCENARIOS } from './scenarios';
import { Way, WAYS } from './ways';

export type CompareOptions = {
  scenarios: Scenario[];
  ways: Way[];
  /** Whether this is all there is to compare, so that it may be written down. */
  isComplete: boolean;
};

/**
 * `--rows 2,5` and `--ways default,module` measure a part, and write nothing.
 *
 * @throws Error that says what was found and what is accepted.
 */
export function readOptions(args: string[]): CompareOptions {
  const { values } = parseArgs({
    args,
    options: { rows: { type: 'string' }, ways: { type: 'string' } },
  });
  return {
    scenarios: select('--rows', values.rows, SCENARIOS, s => s.id),
    ways: select('--ways', values.ways, WAYS, w => w.name),
    isComplete: !values.rows && !values.ways,
  };
}

function select<T>(
  option: string,
  wanted: string | undefined,
  all: T[],
  nameOf: (item: T) => string,
): T[] {
  const names = wanted?.split(',') ?? all.map(nameOf);
  const unknown = names.filter(n => !all.some(item => nameOf(item) === n));
  if (unknown.length > 0) {
    throw new Error(
      `${option} has ${unknown.join()}; accepted are ${all.map(nameOf).join()}`,
    );
  }
  return all.filter(item => names.includes(nameOf(item)));
}

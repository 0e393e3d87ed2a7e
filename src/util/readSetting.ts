import { Config } from '@backstage/config';
import { toError } from '@backstage/errors';

/*
 * Each reads a setting, and returns `ifUnset` where it is not set. One that is not what it must be is one more problem, and counts as not set.
 * None throws.
 */

export function readBoolean<D>(
  config: Config,
  key: string,
  ifUnset: D,
  problems: string[],
): boolean | D {
  return (
    read(config, problems, {
      key,
      ask: () => config.getOptionalBoolean(key),
      must: 'true or false',
    }) ?? ifUnset
  );
}

export function readString<D>(
  config: Config,
  key: string,
  ifUnset: D,
  problems: string[],
): string | D {
  return (
    read(config, problems, {
      key,
      ask: () => config.getOptionalString(key),
      must: 'a text',
    }) ?? ifUnset
  );
}

/** @param must - what a number must be, if not any is allowed */
export function readNumber<D>(
  config: Config,
  key: string,
  ifUnset: D,
  problems: string[],
  must?: { be: string; isMet(value: number): boolean },
): number | D {
  return (
    read(config, problems, {
      key,
      ask() {
        const value = config.getOptionalNumber(key);
        if (value !== undefined && must && !must.isMet(value)) {
          throw new Error(`Not ${must.be}`);
        }
        return value;
      },
      must: must?.be ?? 'a number',
    }) ?? ifUnset
  );
}

function read<T>(
  config: Config,
  problems: string[],
  setting: { key: string; ask: () => T | undefined; must: string },
): T | undefined {
  const { key, ask, must } = setting;
  try {
    return ask();
  } catch {
    problems.push(`${found(config, key)}; it must be ${must}.`);
    return undefined;
  }
}

/** Of a key below what is no object, the error names that. */
function found(config: Config, key: string): string {
  try {
    return `${key} is ${JSON.stringify(config.getOptional(key))}`;
  } catch (error) {
    return `${key} cannot be read: ${toError(error).message}`;
  }
}

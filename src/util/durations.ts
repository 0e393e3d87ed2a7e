import { Config, readDurationFromConfig } from '@backstage/config';
import { toError } from '@backstage/errors';
import { Duration } from 'luxon';

const HOUR = 3600;

/** A duration as it was found in a configuration. */
export type Reading = {
  /** The key that the value was found at, or the first one to use. */
  key: string;
  seconds: number;
  /** For people. */
  text: string;
  valid: boolean;
};

/**
 * Reads the first of the keys that is set.
 *
 * @param problems - gets what is wrong with it, if anything is
 */
export function readSeconds(
  config: Config,
  keys: string[],
  defaultSeconds: number,
  problems: string[],
): Reading {
  const key = keys.find(k => config.has(k));
  if (!key) {
    return {
      key: keys[0],
      seconds: defaultSeconds,
      text: `not set, which means ${humanize(defaultSeconds)}`,
      valid: true,
    };
  }
  try {
    const duration = readDurationFromConfig(config, { key });
    const seconds = Duration.fromObject(duration).as('seconds');
    return { key, seconds, text: humanize(seconds), valid: true };
  } catch (error) {
    problems.push(
      `${key} is ${JSON.stringify(
        config.getOptional(key),
      )}, which is not a duration: ${toError(error).message}. Expected an object such as { minutes: 1 }, an ISO duration such as 'PT1M', or a string such as '1m'.`,
    );
    return { key, seconds: defaultSeconds, text: '', valid: false };
  }
}

/** As one writes it in a configuration. */
export function yaml(seconds: number): string {
  const [unit, factor] = unitFor(seconds);
  return `{ ${unit}: ${seconds / factor} }`;
}

/** For people, such as `2 hours`. */
export function humanize(seconds: number): string {
  const [unit, factor] = unitFor(seconds);
  return Duration.fromObject(
    { [unit]: seconds / factor },
    { locale: 'en-US' },
  ).toHuman();
}

/** A duration in words, such as `34 s`, `10 min` or `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 120) {
    return `${s} s`;
  }
  const minutes = Math.round(s / 60);
  return minutes < 120
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function unitFor(seconds: number): [string, number] {
  if (seconds !== 0 && seconds % HOUR === 0) {
    return ['hours', HOUR];
  }
  return seconds !== 0 && seconds % 60 === 0 ? ['minutes', 60] : ['seconds', 1];
}

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export const USAGE = `npm run chaos -- [--minutes N] [--seed S] [--no-poison] [--keep] [--metrics] [--picture FILE]

  --minutes N     how long faults are injected, a number above 0 (default 20)
  --seed S        what the faults and tasks are drawn from, a whole number from 0 to 4294967295 (default: a random one)
  --no-poison     let no task end its process (by default one of 25 does, and others may wait while it has its last recovery)
  --keep          keep the folder with the journals, the backends' logs, the database rows and the metrics
  --metrics       let a Prometheus scrape the backends, and hold its counts against the database
  --picture FILE  the same, and draw docs/dashboard.json with these metrics into a PNG file`;

export type ChaosOptions = {
  minutes: number;
  seed: number;
  /** Whether some tasks end their process. */
  poison: boolean;
  keep: boolean;
  metrics: boolean;
  /** A file for a picture of the dashboard. */
  picture?: string;
};

/** @throws Error that says what was found and what is accepted. */
export function readOptions(args: string[]): ChaosOptions {
  const { values } = parseOrExplain(args);
  const minutes = Number(values.minutes ?? 20);
  if (!(minutes > 0 && Number.isFinite(minutes))) {
    throw new Error(
      `--minutes is '${values.minutes}'; accepted is a number above 0\n\n${USAGE}`,
    );
  }
  const seed = values.seed === undefined ? randomInt(2 ** 32) : +values.seed;
  if (values.seed === '' || !(seed >= 0 && seed === seed >>> 0)) {
    throw new Error(
      `--seed is '${values.seed}'; accepted is a whole number from 0 to 4294967295\n\n${USAGE}`,
    );
  }
  const { keep = false, picture } = values;
  const poison = values['no-poison'] !== true;
  const metrics = values.metrics === true || picture !== undefined;
  return { minutes, seed, poison, keep, metrics, picture };
}

function parseOrExplain(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        minutes: { type: 'string' },
        seed: { type: 'string' },
        'no-poison': { type: 'boolean' },
        keep: { type: 'boolean' },
        metrics: { type: 'boolean' },
        picture: { type: 'string' },
      },
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${USAGE}`);
  }
}

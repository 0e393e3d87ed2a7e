import { JsonObject } from '@backstage/types';
import { TIMEOUT_SECONDS } from '../compare/settings';
import { WAYS as COMPARED, Way } from '../compare/ways';
import type { Strategy } from './read/copies';

/** One way to deal with interrupted tasks, for templates that all have one strategy. */
export type TriedWay = Pick<Way, 'feature'> & {
  name: string;
  heading: string;
  /** The `scaffolder` section of the configuration. */
  scaffolder: JsonObject;
  strategy: Strategy;
  /** How long nothing may happen until what has not ended counts as never ending. */
  silenceSeconds: number;
};

/** Above the timeout and the ten seconds until the scaffolder's next poll. */
const SILENCE_SECONDS = 40;

function compared(name: Way['name'], strategy: Strategy = 'idempotent') {
  const { heading, feature, configure } = COMPARED.find(w => w.name === name)!;
  return {
    name: name as string,
    heading,
    feature,
    scaffolder: configure({ seconds: TIMEOUT_SECONDS }),
    strategy,
    silenceSeconds: SILENCE_SECONDS,
  };
}

/** This module as its README says to use it. What it does with this decides the exit code. */
export const MODULE: TriedWay = {
  ...compared('module'),
  heading: 'this module, idempotent',
};

export const WAYS: TriedWay[] = [
  // Nothing there starts a task again.
  { ...compared('default'), silenceSeconds: 5 },
  compared('taskRecovery'),
  {
    ...compared('provider'),
    heading: 'taskRecovery with workspace-database',
  },
  MODULE,
  {
    ...compared('module'),
    name: 'without-snapshots',
    heading: 'this module, idempotent, no snapshots',
    scaffolder: {
      ...compared('module').scaffolder,
      recoverTasksWorkspaces: { enabled: false },
    },
  },
  {
    ...compared('module', 'restart'),
    name: 'restart',
    heading: 'this module, restart',
  },
  {
    ...compared('module', 'none'),
    name: 'none',
    heading: 'this module, none',
  },
].map(way => ({ ...way, heading: way.heading.replaceAll('`', '') }));

/** What is tried if nothing is said: what a template does now, and what it would do with this module. */
export const USUAL_WAYS = ['taskRecovery', 'module'];

import { JsonObject } from '@backstage/types';
import type { Tree } from '../harness/steps/readTree';

/** An action was called. */
export type Call = {
  kind: 'call';
  taskId: string;
  stepId: string;
  stepName: string;
  action: string;
  /** Which step run of its process it belongs to, counted from 0 for each task. A step whose condition is false is none. */
  run: number;
  /** Which call of that step run it is, counted from 0. There are several for `each`. */
  iteration: number;
  /** For an action that reaches outside: its input, and the files that it found. */
  effect?: { input: JsonObject; tree: Tree };
};

/** A call failed. */
type Failure = { kind: 'failure'; taskId: string; run: number };

export type Entry = Call | Failure;

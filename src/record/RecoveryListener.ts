import { LoggerService } from '@backstage/backend-plugin-api';
import { Resumption } from '../database/operations/attempts/outcomes/recordResumptions';
import { WrittenDecision } from './decidedTask';

/** What is reported on recoveries. Nothing waits for a listener, and its failures change nothing. */
export type RecoveryListener = {
  /** A task was decided on, and that has been committed. */
  decided(task: WrittenDecision): void;
  /** A task could not be decided on for now. */
  undecided(taskId: string, error: Error): void;
  /** A task that was decided on began the first step of its further run. */
  resumed(resumption: Resumption): void;
  /** A pass is over. */
  passed(pass: PassResult): void;
  /** Heartbeats of owned runs were renewed. */
  renewed(runs: number): void;
};

/** How long a pass took, and what it found. */
export type PassResult = {
  seconds: number;
  /** How many interrupted tasks it found. Nothing if it failed. */
  interrupted?: number;
};

/** One listener that calls many. A failure of one keeps no other from being called. */
export function combineListeners(
  listeners: Partial<RecoveryListener>[],
  logger: LoggerService,
): RecoveryListener {
  const callAll = (call: (listener: Partial<RecoveryListener>) => void) => {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (error) {
        logger.warn(`Could not report on a recovery, ${error}`);
      }
    }
  };
  return {
    decided: task => callAll(l => l.decided?.(task)),
    undecided: (taskId, error) => callAll(l => l.undecided?.(taskId, error)),
    resumed: resumption => callAll(l => l.resumed?.(resumption)),
    passed: pass => callAll(l => l.passed?.(pass)),
    renewed: runs => callAll(l => l.renewed?.(runs)),
  };
}

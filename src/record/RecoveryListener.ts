import { LoggerService } from '@backstage/backend-plugin-api';
import { Resumption } from '../database/operations/attempts/recordResumptions';
import { WrittenDecision } from './decidedTask';

/** Who is told of what happens. Nothing waits for them, and what they fail at changes nothing. */
export type RecoveryListener = {
  /** A task was decided on, and that has been committed. */
  decided(task: WrittenDecision): void;
  /** A task could not be decided on for now. */
  undecided(taskId: string, error: Error): void;
  /** A task that was decided on began the first step of its further run. */
  resumed(resumption: Resumption): void;
  /** A pass is over. */
  passed(pass: PassResult): void;
  /** Heartbeats were written for runs that are alive in this process. */
  renewed(runs: number): void;
};

export type PassResult = {
  seconds: number;
  /** How many interrupted tasks it found. Nothing if it failed. */
  interrupted?: number;
};

/** One listener for many. None of them keeps the others from being told. */
export function combineListeners(
  listeners: Partial<RecoveryListener>[],
  logger: LoggerService,
): RecoveryListener {
  const tell = (call: (listener: Partial<RecoveryListener>) => void) => {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (error) {
        logger.warn(`Could not report on a recovery, ${error}`);
      }
    }
  };
  return {
    decided: task => tell(l => l.decided?.(task)),
    undecided: (taskId, error) => tell(l => l.undecided?.(taskId, error)),
    resumed: resumption => tell(l => l.resumed?.(resumption)),
    passed: pass => tell(l => l.passed?.(pass)),
    renewed: runs => tell(l => l.renewed?.(runs)),
  };
}

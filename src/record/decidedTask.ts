import { InterruptedTaskRow } from '../database/operations/interrupted/selectForDecision';
import { FinalDecision } from '../decision/decision';
import { TaskStrategy } from '../decision/strategy';
import { TaskEventPayload } from '../scaffolder/taskEvents';

/** A task and what was decided on it. */
export type DecidedTask = {
  task: Omit<InterruptedTaskRow, 'spec'>;
  decision: FinalDecision;
  strategy?: TaskStrategy;
};

/** A task whose decision was written. */
export type WrittenDecision = DecidedTask & {
  /** The number of the decision, counted from 1 for each task. */
  attempt: number;
  /** What the log of the task says. */
  reason: string;
  /** To be published once the transaction has committed. */
  publish?: TaskEventPayload;
};

/** A decision after which nothing runs any more. */
export type Closed = Extract<FinalDecision, { kind: 'failed' | 'cancelled' }>;

/** Whether nothing runs any more after a decision. */
export function isClosed(decision: FinalDecision): decision is Closed {
  return decision.kind === 'failed' || decision.kind === 'cancelled';
}

import type { Lifetime } from '../../harness/backend/Replica';
import type { Findings } from '../checks/checks';
import type { Evidence } from '../evidence/evidence';
import type { Wait } from '../evidence/logLines';
import type { AttemptRecord } from '../evidence/records';
import type { StoreName } from '../stores/storeFaults';

export type ChaosOptions = {
  /** How long faults are injected. */
  minutes: number;
  seed: number;
  /** Whether some tasks end their process. */
  poison: boolean;
  /** Where the files of tasks are stored. */
  store: StoreName;
  /** Whether they are encrypted. */
  isEncrypted: boolean;
};

export type Outcome = {
  options: ChaosOptions;
  startedAt: number;
  /** When all had come to rest. */
  endedAt: number;
  /** Dispatches that were refused or got no answer. */
  dispatchFailures: number;
  evidence: Evidence & { lifetimes: Lifetime[] };
  waits: Wait[];
  findings: Findings;
};

export const DECISIONS = ['restart', 'resume', 'finish', 'failed', 'cancelled'];

/** Decisions on interruptions. A retry is decided on by whoever asks for it. */
export function onInterruptions({
  attempts,
}: Pick<Evidence, 'attempts'>): AttemptRecord[] {
  return attempts.filter(a => a.trigger === 'interruption');
}

export function isClosed(attempts: AttemptRecord[]): boolean {
  return attempts.some(a => a.decision === 'failed');
}

import type { JournalEntry } from '../../harness/actions/journal';
import type { ProcessLife } from '../../harness/backend/Replica';
import type { Fault } from '../faults/FaultInjector';
import { Epoch, epochsOf, TaskEvidence } from './epochs';
import { groupByTask } from './groupByTask';
import type { LeftFiles } from './leftFiles';
import type { Records } from './records';
import { readRuns } from './runs';

export type Evidence = Records & {
  journal: JournalEntry[];
  lifetimes: ProcessLife[];
  /** What was done to the backends and to PostgreSQL. */
  faults: Fault[];
  /** The tasks of which a backend said that their files could not be stored. */
  notStored: string[];
  /** What is left of the files of tasks when all have ended and the time to keep them is over. */
  leftFiles: LeftFiles[];
};

/** What is known of each task. */
export function readTasks(evidence: Evidence): TaskEvidence[] {
  const runs = readRuns(evidence.journal, evidence.lifetimes);
  const events = groupByTask(evidence.events);
  const attempts = groupByTask(evidence.attempts);
  const retries = groupByTask(evidence.retries);
  return evidence.tasks.map(task => ({
    task,
    runs: runs.get(task.id) ?? [],
    events: events.get(task.id) ?? [],
    attempts: attempts.get(task.id) ?? [],
    retry: retries.get(task.id)?.[0],
  }));
}

/** All tasks, each in as many parts as it was started. */
export function readEpochs(evidence: Evidence): Epoch[] {
  return readTasks(evidence).flatMap(epochsOf);
}

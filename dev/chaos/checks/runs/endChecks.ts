import { ENDED } from '../../../harness/backend/ScaffolderClient';
import type { Epoch } from '../../evidence/epochs';
import { CLOCK_SLACK_MS, STEP_FAILURE } from '../../settings';
import { CLOSING, Violation, violation } from '../violations';

export function checkHasEnded({ task }: Epoch): Violation[] {
  return ENDED.includes(task.status)
    ? []
    : [violation('notEnded', task, `its status is ${task.status}`)];
}

export function checkEnd({ task, runs, events }: Epoch): Violation[] {
  const found: Violation[] = [];
  if (task.hasSecrets) {
    found.push(violation('secretsLeft', task, `its status is ${task.status}`));
  }
  const end = events.find(e => e.type === 'completion');
  for (const { id, steps } of runs) {
    for (const { stepId, beganAt } of steps) {
      if (end && beganAt > end.at + CLOCK_SLACK_MS) {
        found.push(
          violation(
            'ranAfterEnd',
            task,
            `${stepId} of run ${id} began at ${beganAt}, the task ended at ${end.at}`,
          ),
        );
      }
    }
  }
  return found;
}

/** A task that may run again and fails without having been closed, and not since one of its steps fails by itself, did so for the database's sake. */
export function checkFailure({ task, events, attempts }: Epoch): Violation[] {
  const end = events.findLast(e => e.type === 'completion');
  return task.strategy === 'none' ||
    end?.error === undefined ||
    (task.isFailing && end.error.includes(STEP_FAILURE)) ||
    attempts.some(a => CLOSING.includes(a.decision))
    ? []
    : [violation('failedForDatabase', task, `at ${end.at}: ${end.error}`)];
}

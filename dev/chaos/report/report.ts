import type { Outcome } from './outcome';
import { faultsOf, processesOf } from './sections/faults';
import { latenciesOf } from './sections/latencies';
import { recoveriesOf } from './sections/recoveries';
import { retriesOf } from './sections/retries';
import { settingsOf } from './sections/settings';
import { failuresOf, tasksOf } from './sections/tasks';
import { violationsOf } from './sections/violations';

/** Everything that a stranger needs to judge a run. */
export function formatReport(outcome: Outcome): string {
  return [
    ['Settings', settingsOf(outcome)],
    ['Faults', faultsOf(outcome)],
    ['Backend processes', processesOf(outcome)],
    ['Tasks by strategy and final status', tasksOf(outcome)],
    ['Recoveries by strategy and decision', recoveriesOf(outcome)],
    ['Retries of failed tasks', retriesOf(outcome)],
    [
      'From the death of a process in the middle of a step to the next step of the task, or its end',
      latenciesOf(outcome),
    ],
    [
      "Ends of tasks that failed without being closed by the module (by a step that fails by itself, or the scaffolder's own failures)",
      failuresOf(outcome),
    ],
    ['Violations', violationsOf(outcome)],
  ]
    .flat()
    .join('\n\n');
}

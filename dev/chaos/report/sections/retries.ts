import { formatTable } from '../../../harness/command/table';
import { readEpochs } from '../../evidence/evidence';
import { STRATEGIES } from '../../tasks/templates';
import { count } from '../count';
import { isClosed, Outcome } from '../outcome';

/** What was asked, what happened, and what came of it. */
export function retriesOf({ evidence }: Outcome): string {
  const { retries, tasks } = evidence;
  const epochs = readEpochs(evidence);
  const retried = epochs.filter(e => e.retry);
  const askedRow = (name: string, some = retries) => [
    name,
    some.length,
    count(some, r => r.at !== undefined),
  ];
  const answered = (answer: string) => retries.filter(r => r.answer === answer);
  const asked = formatTable(
    ['retries', 'count', 'of which happened'],
    [
      askedRow('answered', answered('started')),
      askedRow('refused', answered('refused')),
      askedRow('without an answer', answered('none')),
      askedRow('all'),
    ],
  );
  const row = (name: string, strategy: string, some = retried) => [
    name,
    strategy,
    some.length,
    ...['restart', 'resume', 'finish'].map(d =>
      count(some, e => e.retryRecord?.decision === d),
    ),
    count(some, e => !e.retryRecord),
    count(some, e => e.attempts.length > 0),
    ...['completed', 'failed'].map(status =>
      count(some, e => e.task.status === status),
    ),
  ];
  const wasClosed = (taskId: string) =>
    isClosed(epochs.find(e => e.task.id === taskId)!.attempts);
  const became = formatTable(
    [
      ...['the task had been', 'strategy', 'retried'],
      ...['restart', 'resume', 'finish', 'not recorded'],
      ...['interrupted again', 'completed', 'failed again'],
    ],
    [
      ...['closed', 'failed otherwise'].flatMap((name, i) =>
        STRATEGIES.map(strategy =>
          row(
            name,
            strategy,
            retried.filter(
              ({ task }) =>
                task.strategy === strategy && wasClosed(task.id) === (i === 0),
            ),
          ),
        ),
      ),
      row('all', ''),
    ],
  );
  const ends = count(epochs, e => e.task.status === 'failed');
  return `${asked}\n\n${became}\n
  ${ends} ends of ${tasks.length} tasks were failures.`;
}

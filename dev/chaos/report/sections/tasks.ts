import { formatTable } from '../../../harness/command/table';
import { readEpochs } from '../../evidence/evidence';
import type { TaskRecord } from '../../evidence/records';
import { count } from '../count';
import { isClosed, Outcome } from '../outcome';

const ENDS = ['completed', 'failed', 'cancelled'];

export function tasksOf({ evidence: { tasks } }: Outcome): string {
  const kindOf = ({ template }: TaskRecord) =>
    template.replace(/^chaos-/, '').replace(/-\d$/, '');
  const kinds = [...new Set(tasks.map(kindOf))].sort();
  const statuses = [...new Set([...ENDS, ...tasks.map(t => t.status)])];
  const row = (name: string, some: TaskRecord[]) => [
    name,
    ...statuses.map(s => count(some, t => t.status === s)),
    some.length,
  ];
  return formatTable(
    ['strategy', ...statuses, 'all'],
    [
      ...kinds.map(kind =>
        row(
          kind,
          tasks.filter(t => kindOf(t) === kind),
        ),
      ),
      row('all', tasks),
    ],
  );
}

/** Ends without the module having closed the task: failures of the scaffolder itself, such as of a statement. */
export function failuresOf({ evidence }: Outcome): string {
  const counts = new Map<string, number>();
  for (const { task, events, attempts } of readEpochs(evidence)) {
    const { strategy, status } = task;
    if (status === 'failed' && !isClosed(attempts)) {
      const end = events.findLast(e => e.type === 'completion');
      const message = (end?.error ?? end?.message ?? '(none)').split('\n')[0];
      const key = `${strategy}\t${shorten(message)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const rows = [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([key, number]) => [number, ...key.split('\t')]);
  return rows.length === 0
    ? '  none'
    : formatTable(['count', 'strategy', 'message'], rows);
}

/** What it has in common with others of its kind. */
function shorten(message: string): string {
  const general = message.replace(
    /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g,
    '<id>',
  );
  return general.length > 140
    ? `${general.slice(0, 60)} … ${general.slice(-75)}`
    : general;
}

import { formatTable } from '../../../harness/command/table';
import { groupByTask } from '../../evidence/groupByTask';
import { STRATEGIES } from '../../tasks/templates';
import { count } from '../count';
import { DECISIONS, onInterruptions, Outcome } from '../outcome';

const CAUSES = ['silence', 'crash', 'shutdown', 'connection'];

export function recoveriesOf({ evidence, findings }: Outcome): string {
  const attempts = onInterruptions(evidence);
  const strategyOf = new Map(evidence.tasks.map(t => [t.id, t.strategy]));
  const counts = [...groupByTask(attempts).values()].map(a => a.length);
  const table = formatTable(
    ['strategy', ...DECISIONS, 'all', ...CAUSES.map(c => `by ${c}`)],
    STRATEGIES.map(strategy => {
      const some = attempts.filter(a => strategyOf.get(a.taskId) === strategy);
      return [
        strategy,
        ...DECISIONS.map(d => count(some, a => a.decision === d)),
        some.length,
        ...CAUSES.map(c => count(some, a => a.interruptedBy === c)),
      ];
    }),
  );
  return `${table}\n
  The most for one task: ${Math.max(0, ...counts)}.
  Ends of steps that could not be stored, so that steps ran again (idempotent, allowed): ${findings.unrecordedEnds}.
  Tasks taken over from a process that was alive and could not show it for too long (allowed): ${findings.takenOver}.`;
}

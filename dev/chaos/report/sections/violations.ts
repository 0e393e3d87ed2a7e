import { formatTable } from '../../../harness/command/table';
import { ViolationKind, VIOLATIONS } from '../../checks/violations';
import { count } from '../count';
import type { Outcome } from '../outcome';

export function violationsOf({ findings, startedAt }: Outcome): string {
  const { violations } = findings;
  const kinds = Object.keys(VIOLATIONS) as ViolationKind[];
  const table = formatTable(
    ['violation', 'count'],
    [
      ...kinds.map(kind => [
        VIOLATIONS[kind],
        count(violations, v => v.kind === kind),
      ]),
      ['all', violations.length],
    ],
  );
  const since = new Date(startedAt).toISOString();
  const details = violations.map(
    ({ kind, taskId, detail }) =>
      `  ${VIOLATIONS[kind]}\n    task ${taskId}\n    ${formatTimes(detail, startedAt)}`,
  );
  return [
    table,
    ...(details.length > 0
      ? [`  In detail, with times in seconds since ${since}:`]
      : []),
    ...details,
  ].join('\n\n');
}

/** Milliseconds since 1970 as seconds since the start. Such numbers have 13 digits. */
function formatTimes(text: string, startedAt: number): string {
  return text.replace(
    /(?<![\w-])\d{13}(?![\w-])/g,
    ms => `${((Number(ms) - startedAt) / 1000).toFixed(3)} s`,
  );
}

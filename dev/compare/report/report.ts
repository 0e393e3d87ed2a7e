import { formatMarkdown, formatTable } from '../../harness/command/table';
import { formatConfig } from './formatConfig';
import type { Cell, Scenario } from '../scenario';
import { TIMEOUT_SECONDS } from '../settings';
import type { Versions } from './versions';
import type { Way } from '../ways';

/** What was measured. */
export type Result = {
  ways: Way[];
  rows: { scenario: Scenario; cells: Cell[] }[];
};

/** The matrix for a terminal: a block for each row, since the cells are long. */
export function formatRow(
  { scenario, cells }: Result['rows'][number],
  ways: Way[],
): string {
  const table = formatTable(
    ['way', 'result'],
    ways.map((way, i) => [way.name, formatCell(cells[i])]),
  );
  return `${scenario.id}. ${scenario.title}\n\n${table}\n`;
}

/** The matrix in Markdown. */
function formatMatrix(
  { ways, rows }: Result,
  format: (cell: Cell) => string,
): string {
  return formatMarkdown(
    ['', ...ways.map(w => w.heading)],
    rows.map(({ scenario, cells }) => [
      `${scenario.id}. ${scenario.title}`,
      ...cells.map(format),
    ]),
  );
}

/** The page with all that one needs to judge the matrix. */
export function formatPage(
  result: Result,
  run: { versions: Versions; at: Date; minutes: number },
): string {
  const { ways, rows } = result;
  return `# Side by side

What becomes of interrupted tasks with the scaffolder alone, with each of its own ways to recover them, and with this module. This
page was written by

\`\`\`sh
npm run compare
\`\`\`

on ${run.at.toISOString().slice(0, 10)} in ${run.minutes.toFixed(
    0,
  )} minutes. All cells are measured: real backends on PostgreSQL, with the packed module and the
packages of the scaffolder's release; faults by signals and in the network; and journals that the steps write outside the database.

${formatMarkdown(['', ''], Object.entries(run.versions))}

✓ stands for what a user would want, which is said for each row below.

${formatMatrix(result, formatCell)}

## The ways

${ways
  .map(
    ({ heading, configure, remark }) =>
      `- **${heading}**: ${formatConfig(configure({ seconds: TIMEOUT_SECONDS }))}${
        remark ? `. ${remark}` : ''
      }`,
  )
  .join('\n')}

All ways run the same templates. Those that recover tasks do so after the same silence of ${TIMEOUT_SECONDS} s, which is all that is configured of
times, and in rows 12 and 13 not even that. In the legacy way the templates also have \`EXPERIMENTAL_recovery: { EXPERIMENTAL_strategy: startOver }\`.

## The rows

${rows
  .map(
    ({ scenario }) =>
      `- **${scenario.id}. ${scenario.title}.** ${scenario.done}. ✓ if ${scenario.wanted}.`,
  )
  .join('\n')}

All ways of a row run at the same time, so that they share the load of the machine. A backend takes longer to start then, which is in
all times.
`;
}

/** For the README: the matrix without what was measured, and where it is from. */
export function formatExtract(result: Result, versions: Versions): string {
  return `${formatMatrix(result, formatMark)}

\`npm run compare\` wrote this table, with the scaffolder ${
    versions['@backstage/plugin-scaffolder-backend']
  }. [What was measured, and what counts as ✓](docs/comparison.md).`;
}

function formatCell(cell: Cell): string {
  return `${formatMark(cell)} ${cell.text}`;
}

function formatMark({ ok }: Cell): string {
  return ok ? '✓' : '✗';
}

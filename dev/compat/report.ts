import { replaceSection } from '../harness/command/replaceSection';
import { formatMarkdown, formatTable } from '../harness/command/table';
import { Outcome } from './experiment';

/** What was tried on one Node.js: the outcomes of each release, or why it could not be tried. */
export type Report = {
  nodeVersion: string;
  releases: { version: string; outcomes: Outcome[] }[];
};

/** For a terminal. */
export function formatReport(report: Report): string {
  const { header, rows } = tableOf(report);
  return formatTable(header, rows);
}

/** Puts the table into docs/compatibility.md, in the place of the one of the same major version of Node.js. */
export async function writeReport(report: Report, at: Date): Promise<void> {
  const { nodeVersion } = report;
  const { header, rows } = tableOf(report);
  await replaceSection(
    'docs/compatibility.md',
    `node ${nodeVersion.split('.')[0]}`,
    `## Node.js ${nodeVersion}, ${at.toISOString().slice(0, 10)}\n\n${formatMarkdown(header, rows)}`,
  );
}

function tableOf({ releases }: Report): { header: string[]; rows: string[][] } {
  const titles = new Set(
    releases.flatMap(({ outcomes }) => outcomes.map(o => o.row)),
  );
  return {
    header: ['scaffolder', ...releases.map(r => r.version)],
    rows: [...titles].map(title => [
      title,
      ...releases.map(({ outcomes }) =>
        formatOutcome(outcomes.find(o => o.row === title)),
      ),
    ]),
  };
}

function formatOutcome(outcome: Outcome | undefined): string {
  if (!outcome) {
    return '-';
  }
  return outcome.problem ? `✗ ${outcome.problem.split('\n')[0]}` : '✓';
}

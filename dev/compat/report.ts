import fs from 'node:fs/promises';
import path from 'node:path';
import { formatTable } from '../harness/table';
import { Outcome } from './experiment';

const PAGE = path.resolve(__dirname, '../../docs/compatibility.md');

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

/** Puts the table into docs/compatibility.md, in the place of the one of the same major version of Node.js, or after all others. */
export async function writeReport(report: Report, at: Date): Promise<void> {
  const page = await fs.readFile(PAGE, 'utf8');
  const major = report.nodeVersion.split('.')[0];
  const begin = `<!-- node ${major} -->`;
  const end = `<!-- /node ${major} -->`;
  const section = `${begin}\n\n${formatSection(report, at)}\n\n${end}`;
  const from = page.indexOf(begin);
  await fs.writeFile(
    PAGE,
    from < 0
      ? `${page.trimEnd()}\n\n${section}\n`
      : page.slice(0, from) +
          section +
          page.slice(page.indexOf(end) + end.length),
  );
}

function formatSection(report: Report, at: Date): string {
  const { header, rows } = tableOf(report);
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    `## Node.js ${report.nodeVersion}, ${at.toISOString().slice(0, 10)}`,
    '',
    line(header),
    line(header.map(() => '---')),
    ...rows.map(line),
  ].join('\n');
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

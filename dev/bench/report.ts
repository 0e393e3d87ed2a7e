import { formatTable } from '../harness/command/table';

/** One line of the report. */
export type Row = {
  what: string;
  module: string;
  builtIn: string;
  ratio: string;
  /** What is accepted, for a person. Nothing if the line only informs. */
  accepted?: string;
  ok?: boolean;
};

/** What one part of the benchmark found. */
export type Report = {
  title: string;
  /** What one has to know to read the table. */
  notes: string[];
  /** The headings of the two columns with figures. */
  compared?: [string, string];
  rows: Row[];
};

export function isAccepted({ rows }: Report): boolean {
  return rows.every(row => row.ok !== false);
}

export function printReport(report: Report): void {
  const { title, notes, rows, compared = ['module', 'built-in'] } = report;
  const table = formatTable(
    ['what', ...compared, 'ratio', 'accepted', ''],
    rows.map(r => [
      ...[r.what, r.module, r.builtIn, r.ratio, r.accepted],
      r.ok === undefined ? '' : (r.ok && 'ok') || 'NOT',
    ]),
  );
  console.log(`\n${title}\n${notes.map(n => `  ${n}`).join('\n')}\n\n${table}`);
}

export function formatMs(ms: number): string {
  if (ms < 100) {
    return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
  }
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** How many times as much one thing is as the other. */
export function formatRatio(ratio: number): string {
  return ratio < 0.1 ? `1/${(1 / ratio).toFixed(0)}` : ratio.toFixed(2);
}

import { because, filesPart } from '../../decision/messages/planMessages';
import { StepAgain } from '../../decision/plan/plan';
import { CheckedTemplate, CheckResult } from '../check';

/** How a result can be printed. */
export const FORMATS = {
  text: asText,
  json: (result: CheckResult) => JSON.stringify(result, null, 2),
  github: asGithub,
};

/** What `--format` can be. */
export type Format = keyof typeof FORMATS;

function asText({ findings, templates }: CheckResult): string {
  const lines = findings.map(
    f => `${f.file}:${f.line}:${f.column}  ${f.severity}  ${f.message}`,
  );
  const sections = templates.map(planSection);
  return [...(lines.length > 0 ? [lines.join('\n')] : []), ...sections].join(
    '\n\n',
  );
}

function planSection({ file, name, strategy, plan }: CheckedTemplate): string {
  const title = `${file}: template '${name}'`;
  if (!plan) {
    return `${title}: no plan, since its recovery is invalid`;
  }
  if (strategy === 'none') {
    return `${title}, strategy 'none': an interrupted task is closed as failed`;
  }
  const rows = plan.map(row => [
    row.interruptedAt,
    row.skipped.join(', ') || '-',
    row.again.map(againText).join(', ') || '-',
    row.goesOnAt ?? '-',
    ...(row.files ? [filesPart(row.files)] : []),
  ]);
  const hasFiles = plan.some(row => row.files);
  return `${title}, strategy '${strategy}':\n\n${table([
    [
      'interrupted at',
      'skipped',
      'run again',
      'goes on at',
      ...(hasFiles ? ['files'] : []),
    ],
    ...rows,
  ])}`;
}

/** With 'restart' all of them do, for the same reason. */
function againText(again: StepAgain): string {
  return again.because.kind === 'restart'
    ? again.stepId
    : `${again.stepId} (${because(again)})`;
}

/** The first row has the names of the columns. */
function table(rows: string[][]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map(r => r[i].length)));
  const line = (cells: string[]) =>
    `  ${cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd()}`;
  const [head, ...body] = rows;
  return [head, widths.map(w => '-'.repeat(w)), ...body].map(line).join('\n');
}

/** Workflow commands, which GitHub shows as annotations at the lines of a pull request. */
function asGithub({ findings }: CheckResult): string {
  return findings
    .map(
      f =>
        `::${f.severity} file=${property(f.file)},line=${f.line},col=${f.column}::${data(f.message)}`,
    )
    .join('\n');
}

function data(text: string): string {
  return text
    .replaceAll('%', '%25')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

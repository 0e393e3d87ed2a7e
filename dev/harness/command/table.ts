export type Cell = string | number | undefined;

/** `7`, `12.5 s`, `1/50`, `3.4x` and the like. */
const FIGURE = /^(\d[\d.,]*( (s|ms|KB|MB|%|times))?x?|1\/\d+|-?)$/;

/** Aligned columns for a terminal: figures to the right, words to the left. */
export function formatTable(header: string[], rows: Cell[][]): string {
  const text = [header, ...rows].map(row => row.map(cell => `${cell ?? '-'}`));
  const widths = header.map((_, i) => Math.max(...text.map(r => r[i].length)));
  const isNumeric = header.map((_, i) => {
    const cells = text.slice(1).map(r => r[i]);
    return cells.every(c => FIGURE.test(c)) && cells.some(c => c !== '-');
  });
  const lines = text.map(row =>
    row
      .map((cell, i) =>
        isNumeric[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]),
      )
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map(w => '-'.repeat(w));
  lines.splice(1, 0, rule.join('  ').trimEnd());
  return lines.map(l => `  ${l}`).join('\n');
}

/** The same in Markdown. */
export function formatMarkdown(header: string[], rows: string[][]): string {
  return [header, header.map(() => '---'), ...rows]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n');
}

export type Cell = string | number | undefined;

/** Aligned columns: numbers to the right, words to the left. */
export function formatTable(header: string[], rows: Cell[][]): string {
  const text = [header, ...rows].map(row => row.map(cell => `${cell ?? '-'}`));
  const widths = header.map((_, i) => Math.max(...text.map(r => r[i].length)));
  const isNumeric = header.map((_, i) =>
    rows.every(r => typeof r[i] !== 'string' || /^[\d.]+ s$/.test(`${r[i]}`)),
  );
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

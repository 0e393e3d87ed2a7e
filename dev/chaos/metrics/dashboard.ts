import fs from 'node:fs';
import path from 'node:path';
import { Prometheus, Range } from './Prometheus';

/** As much of a Grafana dashboard as `docs/dashboard.json` uses. */
type Dashboard = {
  panels: {
    title: string;
    /** The shortest step, such as `30s`. */
    interval: string;
    targets: { expr: string; instant: boolean }[];
  }[];
  /** With definitions such as `label_values(up, job)`. */
  templating: {
    list: {
      name: string;
      type: string;
      definition: string;
      allValue?: string;
    }[];
  };
};

const FILE = path.resolve(__dirname, '../../../docs/dashboard.json');

/**
 * Asks a Prometheus for everything that `docs/dashboard.json` shows, with all values of its variables, as Grafana would.
 *
 * @returns how many series each panel has, by its title
 * @throws Error if an expression is refused, or if a variable has no values
 */
export async function countSeries(
  prometheus: Prometheus,
  range: Range,
): Promise<Map<string, number>> {
  const { panels, templating }: Dashboard = JSON.parse(
    fs.readFileSync(FILE, 'utf8'),
  );
  const values: Record<string, string> = {
    __range: `${Math.ceil(range.to - range.from)}s`,
  };
  for (const { name, definition, allValue } of templating.list.filter(
    v => v.type === 'query',
  )) {
    const [, match, label] = /^label_values\((.*), (\w+)\)$/.exec(definition)!;
    const found = await prometheus.labelValues(
      label,
      fillIn(match, values),
      range,
    );
    if (found.length === 0) {
      throw new Error(`The variable '${name}' of the dashboard has no values`);
    }
    values[name] = allValue ?? `(${found.join('|')})`;
  }
  const counts = new Map<string, number>();
  for (const { title, interval, targets } of panels) {
    let count = 0;
    for (const { expr, instant } of targets) {
      const query = fillIn(expr, { ...values, __interval: interval });
      const series = instant
        ? await prometheus.query(query, range.to)
        : await prometheus.queryRange(query, range, interval);
      count += series.filter(s => s.values.length > 0).length;
    }
    counts.set(title, count);
  }
  return counts;
}

function fillIn(text: string, values: Record<string, string>): string {
  return text.replace(/\$(\w+)/g, (_, name) => {
    if (!(name in values)) {
      throw new Error(`Nothing is known of $${name} in ${text}`);
    }
    return values[name];
  });
}

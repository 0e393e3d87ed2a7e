import { Dashboard, Panel, Variable } from './dashboard';
import { PrometheusClient, Seconds, Series } from './PrometheusClient';

export type Range = { from: Seconds; to: Seconds };

export type PanelData = {
  panel: Panel;
  step: Seconds;
  series: (Series & { name: string })[];
};

/** In each column of the grid. More would be too narrow to be seen. */
const MOST_STEPS = 20;

/**
 * Asks for what each panel shows, with all values of the variables, as Grafana would.
 *
 * @throws Error if a query fails, or if there is a panel without data.
 */
export async function queryPanels(
  prometheus: PrometheusClient,
  { panels, templating }: Dashboard,
  range: Range,
): Promise<PanelData[]> {
  const values: Record<string, string> = {
    __range: `${Math.ceil(range.to - range.from)}s`,
  };
  for (const variable of templating.list.filter(v => v.type === 'query')) {
    values[variable.name] = await allOf(prometheus, variable, values, range);
  }
  const data: PanelData[] = [];
  for (const panel of panels) {
    data.push(await queryPanel(prometheus, panel, values, range));
  }
  const empty = data.filter(({ series }) => series.length === 0);
  if (empty.length > 0) {
    const titles = empty.map(({ panel }) => `'${panel.title}'`);
    throw new Error(
      `The dashboard has panels without data: ${titles.join(', ')}`,
    );
  }
  return data;
}

async function queryPanel(
  prometheus: PrometheusClient,
  panel: Panel,
  values: Record<string, string>,
  { from, to }: Range,
): Promise<PanelData> {
  const step = Math.max(
    Number.parseInt(panel.interval, 10) *
      (panel.interval.endsWith('m') ? 60 : 1),
    Math.ceil((to - from) / (MOST_STEPS * panel.gridPos.w)),
  );
  const series: PanelData['series'] = [];
  for (const { expr, legendFormat, instant } of panel.targets) {
    const query = fillIn(expr, { ...values, __interval: `${step}s` });
    const found = instant
      ? await prometheus.query(query, to)
      : await prometheus.queryRange(query, {
          from: Math.floor(from / step) * step,
          to: Math.ceil(to / step) * step,
          step,
        });
    for (const { labels, points } of found.filter(s => s.points.length > 0)) {
      const name = legendFormat.replace(/\{\{(\w+)\}\}/g, (_, l) => labels[l]);
      series.push({ name, labels, points });
    }
  }
  return { panel, step, series };
}

/** What `All` of a variable stands for. */
async function allOf(
  prometheus: PrometheusClient,
  { name, definition = '', allValue }: Variable,
  values: Record<string, string>,
  range: Range,
): Promise<string> {
  const [, match, label] = /^label_values\((.*), (\w+)\)$/.exec(definition)!;
  const found = await prometheus.labelValues(
    label,
    fillIn(match, values),
    range,
  );
  if (found.length === 0) {
    throw new Error(`The variable '${name}' of the dashboard has no values`);
  }
  return allValue ?? `(${found.join('|')})`;
}

function fillIn(text: string, values: Record<string, string>): string {
  return text.replace(/\$(\w+)/g, (_, name) => {
    if (!(name in values)) {
      throw new Error(`Nothing is known of $${name} in ${text}`);
    }
    return values[name];
  });
}

import { PanelData, Range } from './queryPanels';

type Size = { width: number; height: number };

const PALETTE = ['#3274D9', '#FF9830', '#56A64B', '#B877D9', '#E02F44'];
const MARGIN = { left: 46, right: 10, top: 8, bottom: 20 };

/** The inside of a panel as HTML. */
export function drawPanel(data: PanelData, range: Range, size: Size): string {
  switch (data.panel.type) {
    case 'stat':
      return drawStat(data);
    case 'bargauge':
      return drawGauges(data);
    case 'state-timeline':
      return drawStates(data, range, size);
    default:
      return drawTimes(data, range, size);
  }
}

function drawStat({ panel, series }: PanelData): string {
  const { value } = series[0].points[0];
  const steps = panel.fieldConfig.defaults.thresholds!.steps;
  const { color } = steps.findLast(s => s.value === null || value >= s.value)!;
  return `<p class="stat" style="color: ${color}">${format(value, panel)}</p>`;
}

function drawGauges({ panel, series }: PanelData): string {
  const most = Math.max(...series.map(s => s.points[0].value));
  const { fixedColor } = panel.fieldConfig.defaults.color;
  const rows = series
    .sort((a, b) => b.points[0].value - a.points[0].value)
    .map(({ name, points: [{ value }] }) => {
      const width = (100 * value) / most;
      const bar = `<div style="width: ${width}%; background: ${fixedColor}"></div>`;
      return `<tr><th>${name}</th><td>${bar}</td><td>${format(value, panel)}</td></tr>`;
    });
  return `<table>${rows.join('')}</table>`;
}

/** A line of colours for each series. */
function drawStates(
  { panel, step, series }: PanelData,
  range: Range,
  size: Size,
): string {
  const plot = plotOf(size, range, 1);
  const states = panel.fieldConfig.defaults.mappings![0].options;
  const height = plot.height / series.length;
  const body = series.flatMap(({ name, points }, i) => [
    text(plot.left - 4, plot.top + height * (i + 0.5) + 4, name, 'end'),
    ...points.map(({ at, value }) => {
      const [x, end] = [plot.x(at), Math.min(plot.x(at + step), plot.right)];
      const y = plot.top + height * (i + 0.1);
      return rect(x, y, end - x + 0.3, height * 0.8, states[value].color);
    }),
  ]);
  const names = Object.values(states).map(s => [s.text, s.color] as const);
  return svg(size, [...body, ...timeAxis(plot, range)]) + legend(names);
}

/** Lines, or stacked bars. A bar stands for the step that ends at its time. */
function drawTimes(
  { panel, step, series }: PanelData,
  range: Range,
  size: Size,
): string {
  const isBars = panel.fieldConfig.defaults.custom?.drawStyle === 'bars';
  const stacked = new Map<number, number>();
  const tops = series.map(({ points }) =>
    points.map(({ at, value }) => {
      const top = isBars ? (stacked.get(at) ?? 0) + value : value;
      stacked.set(at, top);
      return top;
    }),
  );
  // At least two where things are counted, so that the middle of the axis is a whole number.
  const max = niceMax(Math.max(isBars ? 2 : 0, ...tops.flat()));
  const plot = plotOf(size, range, max);
  const body = series.flatMap(({ points }, i) => {
    const color = colorOf(series[i].name, i, panel);
    if (isBars) {
      return points.map(({ at, value }, j) => {
        const [x, end] = [plot.x(at - step), plot.x(at)];
        const y = plot.y(tops[i][j]);
        return rect(x + 1, y, end - x - 2, plot.y(0) - plot.y(value), color);
      });
    }
    const dots = points.map(({ at, value }) => [plot.x(at), plot.y(value)]);
    return [
      `<polyline points="${dots.join(' ')}" stroke="${color}" fill="none" stroke-width="2"/>`,
      ...dots.map(
        ([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${color}"/>`,
      ),
    ];
  });
  const names = series.map(({ name, points }, i) => {
    const sum = points.reduce((total, { value }) => total + value, 0);
    const label = isBars ? `${name}: ${format(sum, panel)}` : name;
    return [label, colorOf(name, i, panel)] as const;
  });
  const axes = [...valueAxis(plot, panel), ...timeAxis(plot, range)];
  return svg(size, [...axes, ...body]) + legend(names);
}

/** Where values are drawn. */
function plotOf({ width, height }: Size, { from, to }: Range, max: number) {
  const { left, top } = MARGIN;
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const clip = (x: number) => Math.min(Math.max(x, left), right);
  return {
    ...{ left, right, top, bottom, max, height: bottom - top },
    x: (at: number) =>
      clip(left + ((right - left) * (at - from)) / (to - from)),
    y: (value: number) => bottom - ((bottom - top) * value) / max,
  };
}

type Plot = ReturnType<typeof plotOf>;

function valueAxis(plot: Plot, panel: PanelData['panel']): string[] {
  return [0, 0.5, 1].flatMap(share => {
    const y = plot.y(plot.max * share);
    const label = format(plot.max * share, panel);
    return [
      `<line x1="${plot.left}" x2="${plot.right}" y1="${y}" y2="${y}" stroke="#ddd"/>`,
      text(plot.left - 6, y + 4, label, 'end'),
    ];
  });
}

function timeAxis(plot: Plot, { from, to }: Range): string[] {
  const minutes = Math.max(1, Math.ceil((to - from) / 60 / 6));
  const step = minutes * 60;
  const ticks: string[] = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    const time = new Date(at * 1000).toISOString().slice(11, 16);
    ticks.push(text(plot.x(at), plot.bottom + 15, time, 'middle'));
  }
  return ticks;
}

/** The next of 1, 2, 4, 6, 10, 20 and so on. */
function niceMax(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max || 1));
  return power * [1, 2, 4, 6, 10].find(n => n * power >= max)!;
}

function colorOf(name: string, i: number, panel: PanelData['panel']): string {
  const { overrides } = panel.fieldConfig;
  return (
    overrides.find(o => o.matcher.options === name)?.properties[0].value
      .fixedColor ?? PALETTE[i % PALETTE.length]
  );
}

function format(value: number, { fieldConfig }: PanelData['panel']): string {
  const { unit, decimals } = fieldConfig.defaults;
  const isShort = unit === 's' && value > 0 && value < 1;
  const shown = isShort ? value * 1000 : value;
  const digits = decimals ?? (shown < 10 ? 1 : 0);
  const rounded = String(Number(shown.toFixed(digits)));
  return unit === 's' ? `${rounded} ${isShort ? 'ms' : 's'}` : rounded;
}

function legend(names: (readonly [string, string])[]): string {
  const entries = names.map(
    ([name, color]) =>
      `<span><i style="background: ${color}"></i>${name}</span>`,
  );
  return `<div class="legend">${entries.join('')}</div>`;
}

function rect(x: number, y: number, w: number, h: number, fill: string) {
  return `<rect x="${x}" y="${y}" width="${Math.max(0, w)}" height="${h}" fill="${fill}" shape-rendering="crispEdges"/>`;
}

function text(x: number, y: number, content: string, anchor: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`;
}

function svg({ width, height }: Size, body: string[]): string {
  return `<svg width="${width}" height="${height}">${body.join('')}</svg>`;
}

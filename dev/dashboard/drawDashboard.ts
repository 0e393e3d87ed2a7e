import { chromium } from 'playwright-core';
import { findChromium } from '../harness/findChromium';
import { readDashboard } from './dashboard';
import { drawPanel } from './drawPanel';
import { PrometheusClient } from './PrometheusClient';
import { PanelData, queryPanels, Range } from './queryPanels';

const WIDTH = 1400;
const COLUMNS = 24;
const ROW = 36;
const GAP = 8;
/** What a panel needs for its title and its legend. */
const FRAME = { width: 16, height: 60 };

const STYLE = `
  body { margin: 0; background: #f4f5f5; font: 12px 'DejaVu Sans', sans-serif; color: #24292e; position: relative; }
  section { position: absolute; background: #fff; border: 1px solid #d8d9da; border-radius: 3px; box-sizing: border-box; overflow: hidden; padding: 6px 8px; }
  h2 { font-size: 13px; margin: 0 0 2px; height: 18px; }
  .stat { font-size: 42px; text-align: center; margin: 8px; }
  .legend span { margin-right: 12px; white-space: nowrap; display: inline-block; }
  .legend i { display: inline-block; width: 14px; height: 4px; margin-right: 5px; vertical-align: middle; }
  table { width: 100%; border-spacing: 4px 5px; }
  th { font-weight: normal; text-align: right; white-space: nowrap; width: 1%; }
  td:last-child { width: 1%; text-align: right; }
  td div { height: 14px; }
  text { font-size: 11px; fill: #555; }`;

/**
 * Draws `docs/dashboard.json` as Grafana would arrange it, with what a Prometheus has, into a PNG file.
 *
 * @throws Error if a query fails, or if there is a panel without data.
 */
export async function drawDashboard(options: {
  prometheus: PrometheusClient;
  range: Range;
  file: string;
}): Promise<void> {
  const { prometheus, range, file } = options;
  const panels = await queryPanels(prometheus, readDashboard(), range);
  const browser = await chromium.launch({
    executablePath: findChromium(),
    // Its sandbox does not work for root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    const height = Math.max(...panels.map(p => placeOf(p).bottom)) + GAP;
    const page = await browser.newPage({ viewport: { width: WIDTH, height } });
    await page.setContent(drawPage(panels, range));
    await page.screenshot({ path: file, type: 'png' });
  } finally {
    await browser.close();
  }
}

function drawPage(panels: PanelData[], range: Range): string {
  const sections = panels.map(data => {
    const { left, top, width, height } = placeOf(data);
    const inside = drawPanel(data, range, {
      width: width - FRAME.width - 2,
      height: height - FRAME.height,
    });
    return `<section style="left: ${left}px; top: ${top}px; width: ${width}px; height: ${height}px"><h2>${data.panel.title}</h2>${inside}</section>`;
  });
  return `<!doctype html><style>${STYLE}</style>${sections.join('')}`;
}

function placeOf({ panel }: PanelData) {
  const { x, y, w, h } = panel.gridPos;
  const column = (WIDTH - GAP) / COLUMNS;
  const top = GAP + y * ROW;
  const height = h * ROW - GAP;
  return {
    ...{ top, height, bottom: top + height },
    left: GAP + x * column,
    width: w * column - GAP,
  };
}

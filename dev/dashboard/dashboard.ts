import fs from 'node:fs';
import path from 'node:path';

/** As much of a Grafana dashboard as `docs/dashboard.json` uses. */
export type Dashboard = {
  title: string;
  panels: Panel[];
  templating: { list: Variable[] };
};

export type Panel = {
  title: string;
  type: 'stat' | 'timeseries' | 'state-timeline' | 'bargauge';
  gridPos: { x: number; y: number; w: number; h: number };
  /** The shortest step, such as `30s`. */
  interval: string;
  targets: { expr: string; legendFormat: string; instant: boolean }[];
  fieldConfig: {
    defaults: {
      unit: string;
      decimals?: number;
      min?: number;
      custom?: { drawStyle?: 'bars' | 'line' };
      color: { fixedColor?: string };
      mappings?: { options: Record<string, { text: string; color: string }> }[];
      thresholds?: { steps: { value: number | null; color: string }[] };
    };
    overrides: {
      matcher: { options: string };
      properties: { value: { fixedColor: string } }[];
    }[];
  };
};

export type Variable = {
  name: string;
  type: 'datasource' | 'query';
  /** Such as `label_values(up, job)`. */
  definition?: string;
  allValue?: string;
};

const FILE = path.resolve(__dirname, '../../docs/dashboard.json');

export function readDashboard(): Dashboard {
  return JSON.parse(fs.readFileSync(FILE, 'utf8'));
}

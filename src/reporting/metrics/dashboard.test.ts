import { TestDatabases } from '@backstage/backend-test-utils';
import {
  PrometheusExporter,
  PrometheusSerializer,
} from '@opentelemetry/exporter-prometheus';
import {
  DataPointType,
  MeterProvider,
  ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { Knex } from 'knex';
import fs from 'node:fs';
import path from 'node:path';
import { migrateScaffolder } from '../../__testUtils__/scaffolderDatabase';
import { WrittenDecision } from '../../record/decidedTask';
import { RecoveryMetrics } from './RecoveryMetrics';
import { reportBlocked } from './reportBlocked';
import { reportKept } from './reportKept';
import { SnapshotMetrics } from './SnapshotMetrics';

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });

const DOCS = path.resolve(__dirname, '../../../docs');
const DASHBOARD = fs.readFileSync(path.join(DOCS, 'dashboard.json'), 'utf8');
const PAGE = fs.readFileSync(path.join(DOCS, 'metrics.md'), 'utf8');

const EXPRESSIONS: string[] = JSON.parse(DASHBOARD).panels.flatMap(
  (panel: { targets: { expr: string }[] }) => panel.targets.map(t => t.expr),
);

const KINDS: Partial<Record<DataPointType, string>> = {
  [DataPointType.SUM]: 'counter',
  [DataPointType.HISTOGRAM]: 'histogram',
  [DataPointType.GAUGE]: 'gauge',
};

/** What there is to be scraped once everything has been counted and measured. */
async function recordAll(knex: Knex): Promise<ResourceMetrics> {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('backstage-plugin-scaffolder');
  const metrics = new RecoveryMetrics(meter);
  reportBlocked(meter, () => true);
  metrics.decided({
    task: { secondsSilent: 31, interruptedBy: 'crash' },
    decision: { kind: 'resume', templateRef: 'template:default/sample' },
  } as WrittenDecision);
  metrics.undecided();
  metrics.resumed({ decision: 'resume', secondsSinceHeartbeat: 33 });
  metrics.passed({ seconds: 0.5, interrupted: 2 });
  metrics.renewed(1);
  const snapshots = new SnapshotMetrics(meter);
  snapshots.taken(0.02, 1000);
  snapshots.skipped('store');
  snapshots.restored(0.1, 'ok');
  reportKept(meter, { knex, isReady: () => true, stores: ['database'] });
  const { resourceMetrics } = await reader.collect();
  await provider.shutdown();
  return resourceMetrics;
}

describe('the metrics', () => {
  let recorded: ResourceMetrics;
  /** The labels of what Prometheus reads, by its names there. */
  const scraped = new Map<string, string[]>();
  beforeAll(async () => {
    const knex = await databases.init('SQLITE_3');
    await migrateScaffolder(knex);
    recorded = await recordAll(knex);
    const text = new PrometheusSerializer().serialize(recorded);
    for (const [, name, labels] of text.matchAll(/^(\w+)\{(.*)\}/gm)) {
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label);
      scraped.set(name, names);
    }
  });

  it('are listed in the docs as they are', () => {
    const rows = recorded.scopeMetrics[0].metrics.map(
      ({ descriptor: { name, unit }, dataPointType, dataPoints }) => {
        const attributes = Object.keys(dataPoints[0].attributes);
        return [
          `\`${name}\``,
          KINDS[dataPointType],
          unit && `\`${unit}\``,
          attributes.map(a => `\`${a}\``).join(', '),
        ];
      },
    );
    const listed = PAGE.split('\n')
      .filter(line => line.startsWith('| `scaffolder.recovery.'))
      .map(line => line.split('|').map(cell => cell.trim()))
      .map(([, name, kind, unit, attributes]) => [
        name,
        kind,
        unit,
        attributes,
      ]);
    expect(listed).toEqual(rows);
  });

  it.each([
    ['the dashboard', DASHBOARD],
    ['the docs', PAGE],
  ])('have the names in Prometheus that %s uses', (_, text) => {
    const used = new Set(text.match(/\bscaffolder_recovery_\w+/g));
    expect([...scraped.keys()]).toEqual(expect.arrayContaining([...used]));
    expect(used.size).toBeGreaterThan(0);
  });

  it('have the labels that the dashboard asks for', () => {
    const added = ['job'];
    for (const expression of EXPRESSIONS) {
      for (const [, name, matchers] of expression.matchAll(
        /\b(scaffolder_recovery_\w+)\{(.*?)\}/g,
      )) {
        const asked = [
          ...[...matchers.matchAll(/(\w+)=/g)].map(([, label]) => label),
          ...[...expression.matchAll(/by \((\w+)\)/g)].map(
            ([, label]) => label,
          ),
        ];
        const labels = [...scraped.get(name)!, ...added];
        expect({ name, labels }).toEqual({
          name,
          labels: expect.arrayContaining(asked),
        });
      }
    }
  });

  it('are all on the dashboard', () => {
    const missing = recorded.scopeMetrics[0].metrics
      .map(({ descriptor }) => descriptor.name.replaceAll('.', '_'))
      .filter(name => !DASHBOARD.includes(name));
    expect(missing).toEqual([]);
  });
});

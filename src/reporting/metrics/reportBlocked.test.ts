import {
  PrometheusExporter,
  PrometheusSerializer,
} from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { reportBlocked } from './reportBlocked';

describe('reportBlocked', () => {
  it('reports whenever metrics are collected whether something keeps the module from deciding', async () => {
    const reader = new PrometheusExporter({ preventServerStart: true });
    const provider = new MeterProvider({ readers: [reader] });
    let isBlocked = false;
    reportBlocked(
      provider.getMeter('backstage-plugin-scaffolder'),
      () => isBlocked,
    );
    const scrape = async () => {
      const { resourceMetrics } = await reader.collect();
      const text = new PrometheusSerializer().serialize(resourceMetrics);
      return /^scaffolder_recovery_blocked(?:\{.*\})? (\d)/m.exec(text)?.[1];
    };
    expect(await scrape()).toBe('0');
    isBlocked = true;
    expect(await scrape()).toBe('1');
    isBlocked = false;
    expect(await scrape()).toBe('0');
    await provider.shutdown();
  });
});

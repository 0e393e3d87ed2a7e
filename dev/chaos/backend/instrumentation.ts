/*
 * Exports the metrics of a backend. Loaded before it by `--require`, as Backstage's own tutorial does: a meter that is asked
 * for before there is a provider counts nothing.
 */
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { randomUUID } from 'node:crypto';
import { isMainThread } from 'node:worker_threads';

// What transforms TypeScript has a thread of its own, which loads this as well and would take the port.
if (isMainThread) {
  metrics.setGlobalMeterProvider(
    new MeterProvider({
      resource: resourceFromAttributes({
        'service.name': 'backstage',
        'service.instance.id': randomUUID(),
      }),
      readers: [
        new PrometheusExporter({
          host: '127.0.0.1',
          port: Number(process.env.CHAOS_METRICS_PORT),
          // Otherwise the counters of the next process at this port would seem to be those of this one.
          withResourceConstantLabels: /^service\.instance\.id$/,
        }),
      ],
    }),
  );
}

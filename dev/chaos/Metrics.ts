import { drawDashboard } from '../dashboard/drawDashboard';
import { findChromium } from '../harness/findChromium';
import { PrometheusClient } from '../dashboard/PrometheusClient';
import { findFreePort } from '../harness/findFreePort';
import { PrometheusServer } from '../harness/PrometheusServer';
import { ChaosOptions } from './options';
import { DECISIONS, onInterruptions, Outcome } from './report';
import { REPLICAS } from './settings';
import { formatTable } from '../harness/table';

const DECIDED = 'scaffolder_recovery_count_total';

/** The metrics of the backends, scraped over all their restarts. */
export class Metrics {
  private constructor(
    /** Where each backend is to export them, by its name. All its processes use the same, since that is scraped. */
    readonly ports: Map<string, number>,
    private readonly server: PrometheusServer,
  ) {}

  /**
   * Looks for the programs that it needs, so that nobody learns at the end of a long run that one is missing.
   *
   * @throws Error that says how to get it.
   */
  static checkPrograms({ picture }: ChaosOptions): void {
    PrometheusServer.find();
    if (picture) {
      findChromium();
    }
  }

  /** @param directory - an existing folder that takes the data */
  static async start(directory: string): Promise<Metrics> {
    const ports = new Map<string, number>();
    for (const name of REPLICAS) {
      ports.set(name, await findFreePort());
    }
    const job = 'backstage';
    const server = await PrometheusServer.start({ directory, job, ports });
    return new Metrics(ports, server);
  }

  /** Holds the decisions on interruptions that were counted against those in the database. */
  async report(outcome: Outcome): Promise<string> {
    const { from, to } = rangeOf(outcome);
    const window = `${DECIDED}[${Math.ceil(to - from)}s]`;
    // As the dashboard does, but for what it takes off: nothing was counted before this run.
    const counted = await this.#countBy(`last_over_time(${window})`, to);
    const increased = await this.#countBy(`increase(${window})`, to);
    const row = (name: string, decisions: string[]) => [
      name,
      // Retries are not counted: nobody decides on them but whoever asks.
      onInterruptions(outcome.evidence).filter(a =>
        decisions.includes(a.decision),
      ).length,
      ...[counted, increased].map(counts =>
        Math.round(decisions.reduce((n, d) => n + (counts.get(d) ?? 0), 0)),
      ),
    ];
    const table = formatTable(
      ['decision', 'in the database', 'in the dashboard', 'by increase()'],
      [...DECISIONS.map(d => row(d, [d])), row('all', DECISIONS)],
    );
    return `Decisions in the metrics\n\n${table}`;
  }

  /** Draws the dashboard with the metrics of the run into a PNG file. */
  async draw(outcome: Outcome, file: string): Promise<void> {
    const range = rangeOf(outcome);
    await drawDashboard({ prometheus: this.#prometheus, range, file });
  }

  async stop(): Promise<void> {
    await this.server.stop();
  }

  get #prometheus(): PrometheusClient {
    return new PrometheusClient(this.server.url);
  }

  /** How many of each decision an expression tells. */
  async #countBy(counts: string, at: number): Promise<Map<string, number>> {
    const query = `sum by (decision) (${counts})`;
    const series = await this.#prometheus.query(query, at);
    return new Map(series.map(s => [s.labels.decision, s.points[0].value]));
  }
}

/** From the start until all had come to rest. */
function rangeOf({ startedAt, endedAt }: Outcome) {
  return { from: startedAt / 1000, to: endedAt / 1000 };
}

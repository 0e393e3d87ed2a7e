import { findFreePort } from '../../harness/network/findFreePort';
import { formatTable } from '../../harness/command/table';
import { countSeries } from './dashboard';
import { Prometheus } from './Prometheus';
import { DECISIONS, onInterruptions, Outcome } from '../report/outcome';
import { REPLICAS } from '../settings';

const DECIDED = 'scaffolder_recovery_count_total';

/** The metrics of the backends, scraped over all their restarts. */
export class Metrics {
  private constructor(
    /** Where each backend is to export them, by its name. All its processes use the same, since that is scraped. */
    readonly ports: Map<string, number>,
    private readonly prometheus: Prometheus,
  ) {}

  /**
   * @param directory - an existing folder that takes the data
   * @throws Error that says how to get Prometheus, if it is not there
   */
  static async start(directory: string): Promise<Metrics> {
    const ports = new Map<string, number>();
    for (const name of REPLICAS) {
      ports.set(name, await findFreePort());
    }
    const job = 'backstage';
    const prometheus = await Prometheus.start({ directory, job, ports });
    return new Metrics(ports, prometheus);
  }

  /**
   * Holds the decisions on interruptions that were counted against those in the database, and asks for all panels of the dashboard.
   *
   * @throws Error if an expression of the dashboard is refused
   */
  async report(outcome: Outcome): Promise<string> {
    const { prometheus } = this;
    // From the start until all had come to rest.
    const from = outcome.startedAt / 1000;
    const to = outcome.endedAt / 1000;
    const window = `${DECIDED}[${Math.ceil(to - from)}s]`;
    const countBy = async (counts: string) => {
      const query = `sum by (decision) (${counts})`;
      const series = await prometheus.query(query, to);
      return new Map(series.map(s => [s.labels.decision, s.values[0]]));
    };
    // As the dashboard does, but for what it takes off: nothing was counted before this run.
    const counted = await countBy(`last_over_time(${window})`);
    const increased = await countBy(`increase(${window})`);
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

    const panels = await countSeries(prometheus, { from, to });
    const empty = [...panels.keys()].filter(title => panels.get(title) === 0);
    return `Decisions in the metrics\n\n${table}
\n  Panels of the dashboard that stay empty, of ${panels.size}: ${empty.join(', ') || 'none'}.`;
  }

  async stop(): Promise<void> {
    await this.prometheus.stop();
  }
}

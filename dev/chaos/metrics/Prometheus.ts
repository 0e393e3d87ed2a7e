import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { findFreePort } from '../../harness/network/findFreePort';
import { waitFor } from '../../harness/waitFor';

/** Often enough to see a backend that is down for a moment only. */
const SCRAPE_INTERVAL = '2s';

/** A moment or a step in seconds, as Prometheus counts them. */
type Seconds = number;
export type Range = { from: Seconds; to: Seconds };

type Series = {
  labels: Record<string, string>;
  /** Finite ones, at most one for each step. A quantile of nothing has none. */
  values: number[];
};

/** A Prometheus of one's own, which scrapes ports of this machine. What it is asked throws an Error with what it says is wrong. */
export class Prometheus {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {}

  /**
   * @param options.directory - an existing folder that takes the configuration, the data and the log
   * @param options.job - the value of the label `job`
   * @param options.ports - the ports, by what is to be the label `instance`
   * @throws Error that says how to get the program, if it is not on the PATH
   */
  static async start(options: {
    directory: string;
    job: string;
    ports: Map<string, number>;
  }): Promise<Prometheus> {
    const folder = path.join(options.directory, 'prometheus');
    await fs.mkdir(folder);
    const config = path.join(folder, 'prometheus.yml');
    // JSON is YAML.
    await fs.writeFile(config, JSON.stringify(configOf(options)));
    const log = await fs.open(path.join(folder, 'prometheus.log'), 'a');
    const address = `127.0.0.1:${await findFreePort()}`;
    const child = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${path.join(folder, 'data')}`,
        `--web.listen-address=${address}`,
      ],
      { stdio: ['ignore', log.fd, log.fd] },
    );
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new Error(`${error}. On Debian: apt-get install prometheus`);
    } finally {
      await log.close();
    }
    const prometheus = new Prometheus(child, `http://${address}`);
    try {
      await waitFor(
        `Prometheus to be ready, see ${folder}`,
        async () => (await fetch(`${prometheus.url}/-/ready`)).ok,
        { timeoutMs: 30_000 },
      );
      return prometheus;
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
  }

  /** What an expression is at one moment. */
  async query(query: string, time: Seconds): Promise<Series[]> {
    const { result } = await this.#get('query', { query, time });
    return result.map(({ metric, value }: any) => seriesOf(metric, [value]));
  }

  /** What an expression is at each step of a time. */
  async queryRange(
    query: string,
    { from: start, to: end }: Range,
    step: string,
  ): Promise<Series[]> {
    const parameters = { query, start, end, step };
    const { result } = await this.#get('query_range', parameters);
    return result.map(({ metric, values }: any) => seriesOf(metric, values));
  }

  /** The values of a label in the series that match. */
  async labelValues(
    label: string,
    match: string,
    { from: start, to: end }: Range,
  ): Promise<string[]> {
    return this.#get(`label/${label}/values`, { 'match[]': match, start, end });
  }

  /** Ends it. Its data stay where they are. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill();
      await once(this.child, 'exit');
    }
  }

  async #get(what: string, parameters: Record<string, string | number>) {
    const body = new URLSearchParams(
      Object.entries(parameters).map(([key, value]) => [key, String(value)]),
    );
    const response = await fetch(`${this.url}/api/v1/${what}?${body}`);
    const { status, error, data } = await response.json();
    if (status !== 'success') {
      throw new Error(`${error}, asked for ${parameters.query ?? what}`);
    }
    return data;
  }
}

function seriesOf(
  labels: Series['labels'],
  points: [Seconds, string][],
): Series {
  const values = points.map(([, text]) => Number(text));
  return { labels, values: values.filter(Number.isFinite) };
}

function configOf(options: { job: string; ports: Map<string, number> }) {
  return {
    global: {
      scrape_interval: SCRAPE_INTERVAL,
      scrape_timeout: SCRAPE_INTERVAL,
    },
    scrape_configs: [
      {
        job_name: options.job,
        static_configs: [...options.ports].map(([instance, port]) => ({
          targets: [`127.0.0.1:${port}`],
          labels: { instance },
        })),
      },
    ],
  };
}

import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { findFreePort } from './findFreePort';
import { findProgram } from './findProgram';
import { waitFor } from './waitFor';

/** Often enough to see a backend that is down for a moment only. */
const SCRAPE_INTERVAL = '2s';

/** A Prometheus of one's own, which scrapes ports of this machine. */
export class PrometheusServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /**
   * Where the program is.
   *
   * @throws Error that says how to get it.
   */
  static find(): string {
    return findProgram(['prometheus'], 'On Debian: apt-get install prometheus');
  }

  /**
   * @param options.directory - an existing folder that takes the configuration, the data and the log
   * @param options.job - the value of the label `job`
   * @param options.ports - the ports, by what is to be the label `instance`
   */
  static async start(options: {
    directory: string;
    job: string;
    ports: Map<string, number>;
  }): Promise<PrometheusServer> {
    const program = PrometheusServer.find();
    const folder = path.join(options.directory, 'prometheus');
    await fs.mkdir(folder);
    const config = path.join(folder, 'prometheus.yml');
    // JSON is YAML.
    await fs.writeFile(config, JSON.stringify(configOf(options)));
    const log = await fs.open(path.join(folder, 'prometheus.log'), 'a');
    const address = `127.0.0.1:${await findFreePort()}`;
    const child = spawn(
      program,
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${path.join(folder, 'data')}`,
        `--web.listen-address=${address}`,
      ],
      { stdio: ['ignore', log.fd, log.fd] },
    );
    await once(child, 'spawn');
    await log.close();
    const server = new PrometheusServer(child, `http://${address}`);
    try {
      await waitFor(
        `Prometheus to be ready, see ${folder}`,
        async () => (await fetch(`${server.url}/-/ready`)).ok,
        { timeoutMs: 30_000 },
      );
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Ends it. Its data stay where they are. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill();
      await once(this.child, 'exit');
    }
  }
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

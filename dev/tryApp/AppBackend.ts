import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { ScaffolderClient } from '../harness/ScaffolderClient';
import { waitFor } from '../harness/waitFor';
import { NewApp } from './NewApp';

/** A backend that runs for development does not end by itself when its start has failed. */
const FAILED = /Backend startup failed|Unhandled rejection/;

/** The backend of an app, as `yarn start` runs it. */
export class AppBackend {
  #child?: ChildProcess;

  /**
   * @param options.url - where its configuration has it listen
   * @param options.configs - its configuration files, the most important one last
   * @param options.logFile - takes all that it writes, over all its starts
   * @param options.env - further environment variables
   */
  constructor(
    private readonly app: NewApp,
    private readonly options: {
      url: string;
      configs: string[];
      logFile: string;
      env: Record<string, string>;
    },
  ) {}

  async log(): Promise<string> {
    return fs.readFile(this.options.logFile, 'utf8');
  }

  /**
   * Starts it, waits until it is ready, and signs in.
   *
   * @throws Error with the log if it ends before that, or takes longer than three minutes.
   */
  async start(): Promise<ScaffolderClient> {
    const { url, configs, logFile, env } = this.options;
    const log = await fs.open(logFile, 'a');
    const child = spawn(
      'yarn',
      [
        ...['workspace', 'backend', 'start'],
        ...configs.flatMap(file => ['--config', file]),
      ],
      {
        cwd: this.app.directory,
        env: { ...this.app.env, NODE_ENV: 'development', ...env },
        stdio: ['ignore', log.fd, log.fd],
        // yarn, backstage-cli and the backend itself are ended together, as a group.
        detached: true,
      },
    );
    this.#child = child;
    await once(child, 'spawn');
    await log.close();
    const outcome = await waitFor(
      'the backend to be ready',
      async () => {
        if (child.exitCode !== null || FAILED.test(await this.log())) {
          return 'failed';
        }
        const response = await fetch(`${url}/.backstage/health/v1/readiness`);
        return response.ok && 'ready';
      },
      { timeoutMs: 180_000, intervalMs: 500 },
    ).catch(String);
    if (outcome !== 'ready') {
      throw new Error(`The backend: ${outcome}\n${await this.log()}`);
    }
    return ScaffolderClient.asGuest(url);
  }

  /** Ends it with SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      process.kill(-child.pid!, 'SIGKILL');
      await exited;
    }
  }
}

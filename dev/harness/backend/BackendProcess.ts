import { JsonObject } from '@backstage/types';
import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { findFreePort } from '../network/findFreePort';
import { NODE_TRANSFORM } from './nodeTransform';
import { ScaffolderClient } from './ScaffolderClient';
import { waitFor } from '../waitFor';

/** Ten backends that start at the same time on two cores, beside other work, take longer than a minute. */
const READY_MS = 180_000;

const REPOSITORY = path.resolve(__dirname, '../../..');
const BASE_CONFIG = path.join(__dirname, 'app-config.yaml');

/** What a backend runs with that has packages of its own, instead of those of this repository. */
export type Installation = {
  /** The folder that has its `node_modules`. */
  directory: string;
  /** The Node.js that it runs on. */
  node: string;
};

export type BackendOptions = {
  /** An existing folder that takes the config files and the log. */
  directory: string;
  name: string;
  /** What to configure on top of `app-config.yaml` beside this file. */
  config: JsonObject;
  /** What to run instead of `dev/index.ts`. */
  entry?: string;
  /** Modules to load before that. */
  preload?: string[];
  /** Further environment variables. */
  env?: Record<string, string>;
  /** Where it has its packages. Then `entry` is JavaScript. */
  installation?: Installation;
};

/** A backend ended before it was ready. */
export class BackendExited extends Error {
  constructor(
    /** All that it wrote so far, over all its starts. */
    readonly log: string,
  ) {
    super(`The backend exited:\n${log}`);
  }
}

/** How a backend is run. */
type Command = {
  program: string;
  args: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Takes all that it writes, over all its starts. */
  logFile: string;
  /** Whether it starts further processes, which are to end with it. */
  isGroup?: boolean;
  /** What it writes if its start has failed, in case that does not end it. */
  failure?: RegExp;
};

/** A Backstage backend in a process of its own, which can be killed and started again. */
export class BackendProcess {
  #child?: ChildProcess;
  #stopped?: Promise<unknown>;
  #exited?: Promise<unknown>;

  /** @param url - where its configuration has it listen */
  constructor(
    readonly url: string,
    private readonly command: Command,
  ) {}

  /** Prepares a backend of this repository, or of an installation, on a free port. */
  static async create(options: BackendOptions): Promise<BackendProcess> {
    const {
      entry = path.join(REPOSITORY, 'dev/index.ts'),
      preload = [],
      env,
      installation,
    } = options;
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const base = path.join(options.directory, options.name);
    const listen = {
      backend: { baseUrl: url, listen: { host: '127.0.0.1', port } },
    };
    // JSON is YAML. Later files win, so what the caller configures goes last.
    const files = [BASE_CONFIG, `${base}.listen.yaml`, `${base}.yaml`];
    await fs.writeFile(files[1], JSON.stringify(listen));
    await fs.writeFile(files[2], JSON.stringify(options.config));
    return new BackendProcess(url, {
      program: installation?.node ?? process.execPath,
      args: [
        ...(installation ? [] : NODE_TRANSFORM),
        ...preload.flatMap(module => ['--require', module]),
        entry,
        ...files.flatMap(file => ['--config', file]),
      ],
      cwd: installation?.directory ?? REPOSITORY,
      // Guest access needs development mode, which jest's NODE_ENV=test would take away.
      env: {
        ...process.env,
        NODE_ENV: 'development',
        LOG_LEVEL: 'info',
        ...env,
      },
      logFile: `${base}.log`,
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** All that the backend wrote so far, over all its starts. */
  async log(): Promise<string> {
    return fs.readFile(this.command.logFile, 'utf8');
  }

  /** Starts the backend, waits until it is ready, and signs in. */
  async start(): Promise<ScaffolderClient> {
    await this.boot();
    return this.signIn();
  }

  /** Signs in. Sign-ins of an earlier start are not accepted. */
  async signIn(): Promise<ScaffolderClient> {
    return ScaffolderClient.asGuest(this.url);
  }

  /**
   * Starts the backend and waits until it is ready.
   *
   * @throws BackendExited as soon as it ends before that.
   */
  async boot(): Promise<void> {
    const { program, args, cwd, env, logFile, isGroup, failure } = this.command;
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: isGroup,
    });
    const log = createWriteStream(logFile, { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#child = child;
    this.#stopped = once(child, 'close').then(() => log.end());
    this.#exited = once(child, 'exit');

    const outcome = await waitFor(
      `the backend to be ready, see ${logFile}`,
      async () => {
        if (this.hasExited || failure?.test(await this.log())) {
          return 'exited';
        }
        const response = await fetch(
          `${this.url}/.backstage/health/v1/readiness`,
        );
        return response.ok && 'ready';
      },
      { timeoutMs: READY_MS },
    ).catch(async error => {
      await this.kill();
      throw error;
    });
    if (outcome === 'exited') {
      throw new BackendExited(await this.log());
    }
  }

  /** Resolves when the process that was started last has ended. */
  async exited(): Promise<void> {
    await this.#exited;
  }

  /** Whether the backend has ended. */
  get hasExited(): boolean {
    return this.#child!.exitCode !== null || this.#child!.signalCode !== null;
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    if (this.command.isGroup) {
      process.kill(-this.#child!.pid!, signal);
    } else {
      this.#child!.kill(signal);
    }
  }

  /** Ends the process with a signal, at once unless another one is given, and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child && !this.hasExited) {
      this.signal(signal);
    }
    await this.#stopped;
  }
}

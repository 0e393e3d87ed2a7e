import { JsonObject } from '@backstage/types';
import path from 'node:path';
import { BackendProcess } from '../harness/backend/BackendProcess';
import { JournalEntry } from '../harness/actions/journal';
import { TcpProxy } from '../harness/network/TcpProxy';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { Replica } from '../harness/backend/Replica';
import { ENDED, ScaffolderClient } from '../harness/backend/ScaffolderClient';
import { TestSite } from '../harness/TestSite';
import { waitFor } from '../harness/waitFor';
import { FEATURE_VARIABLE } from './backend/features';
import type { InstalledBackend } from './InstalledBackend';
import { TIMEOUT_SECONDS } from './settings';
import { templateEntities, TemplateName } from './templates';
import type { Way } from './ways';

const SECRET = 'compared-secret';
/** The runs of a production backend are started by guests here, too. */
const GUESTS_IN_PRODUCTION = {
  auth: {
    providers: { guest: { dangerouslyAllowOutsideDevelopment: true } },
  },
};
/** To get a task to where a fault is to hit it. Longer than ten backends take to start at once. */
const STAGING_MS = 120_000;

/** One way in one scenario: its backends, its database and its journals. All gone afterwards. */
export class ComparedSite {
  readonly #networks: TcpProxy[] = [];

  private constructor(
    private readonly site: TestSite,
    private readonly server: PostgresProcess,
    private readonly way: Way,
    private readonly installed: InstalledBackend,
  ) {}

  static async create(
    way: Way,
    server: PostgresProcess,
    installed: InstalledBackend,
  ): Promise<ComparedSite> {
    const templates = templateEntities(way.hasLegacyTemplates);
    const site = await TestSite.create('PostgreSQL', server, templates);
    return new ComparedSite(site, server, way, installed);
  }

  /**
   * A backend on a host of its own.
   *
   * @param options.scaffolder - what to configure of the scaffolder beside the way
   * @param options.hasDefaults - whether no times are configured
   * @param options.isProduction - whether it runs as in production
   * @param options.network - what is between it and PostgreSQL
   */
  async createBackend(
    name: string,
    options: {
      scaffolder?: JsonObject;
      hasDefaults?: boolean;
      isProduction?: boolean;
      network?: TcpProxy;
    } = {},
  ): Promise<BackendProcess> {
    const { scaffolder, hasDefaults, isProduction, network } = options;
    const { connection } = this.server;
    const configured = this.way.configure(
      hasDefaults ? undefined : { seconds: TIMEOUT_SECONDS },
    );
    return this.site.createBackend(
      name,
      { ...configured, ...scaffolder },
      {
        isBare: true,
        installation: this.installed.installation,
        entry: this.installed.entry,
        env: {
          [FEATURE_VARIABLE]: this.way.feature,
          ...(isProduction && { NODE_ENV: 'production' }),
        },
        ...(isProduction && { config: GUESTS_IN_PRODUCTION }),
        ...(network && {
          database: { connection: { ...connection, port: network.port } },
        }),
        isOwnHost: true,
      },
    );
  }

  /** A network to PostgreSQL, for one backend. */
  async openNetwork(): Promise<TcpProxy> {
    const network = await TcpProxy.open(this.server.connection);
    this.#networks.push(network);
    return network;
  }

  /** A backend that is started again whenever it has ended. */
  async openReplica(name: string): Promise<Replica> {
    return this.site.supervise(name, await this.createBackend(name));
  }

  /** Deletes the files of a backend that does not run, as they go with a container. */
  async loseDisk(name: string): Promise<void> {
    await this.site.loseDisk(name);
  }

  /** Takes PostgreSQL away for so many milliseconds. */
  async interruptPostgres(ms: number): Promise<void> {
    await this.server.interrupt(ms);
  }

  /**
   * Starts a task.
   *
   * @param options.hold - the step of which the first run never ends
   * @param options.fail - the step of which the first run fails halfway
   * @param options.ms - how long each step takes otherwise
   */
  async dispatch(
    client: ScaffolderClient,
    template: TemplateName,
    options: {
      name?: string;
      hold?: string;
      fail?: string;
      ms?: number[];
    } = {},
  ): Promise<string> {
    const { name = 'task', hold = '', fail = '' } = options;
    const { ms = [300, 300, 300] } = options;
    return client.dispatch(
      `template:default/${template}`,
      { name, hold, fail, ms },
      { compared: SECRET },
    );
  }

  /** As `dispatch`, and waits until the step that is held has begun. */
  async dispatchHeld(
    client: ScaffolderClient,
    template: TemplateName,
    options: { name?: string; hold: string },
  ): Promise<string> {
    const id = await this.dispatch(client, template, options);
    await waitFor(
      `step ${options.hold} of task ${id} to begin`,
      async () => this.begins(id, options.hold).length > 0,
      { timeoutMs: STAGING_MS },
    );
    return id;
  }

  /** The times at which steps of a task began, by the journals. */
  begins(taskId: string, stepId?: string): number[] {
    return this.site
      .journal(taskId, stepId)
      .filter(e => e.kind === 'begin')
      .map(e => e.at);
  }

  /** How often steps began, such as `2-1-1`. */
  countRuns(taskId: string, stepIds: string[]): string {
    return stepIds.map(s => this.begins(taskId, s).length).join('-');
  }

  /** Milliseconds from the first end of a step to the first begin of the next one, by the journals. */
  msBetween(taskId: string, stepId: string, nextStepId: string): number {
    const end = this.site.journal(taskId, stepId).find(e => e.kind === 'end');
    return this.begins(taskId, nextStepId)[0] - end!.at;
  }

  /** Whether two runs of one step went on beside each other. A run without an end counts until now. */
  ranBesideItself(taskId: string, stepId: string): boolean {
    const entries = this.site.journal(taskId, stepId);
    const endOf = (run: JournalEntry) =>
      entries.find(e => e.kind === 'end' && e.runId === run.runId)?.at ??
      Date.now();
    const runs = entries.filter(e => e.kind === 'begin');
    return runs.some((run, i) => i > 0 && run.at < endOf(runs[i - 1]));
  }

  /** Whether a step of a task has begun and not ended. */
  isRunning(taskId: string): boolean {
    const entries = this.site.journal(taskId);
    const count = (kind: string) => entries.filter(e => e.kind === kind).length;
    return count('begin') > count('end');
  }

  async statusOf(taskId: string): Promise<string> {
    const [status] = await this.knex('tasks')
      .where({ id: taskId })
      .pluck('status');
    return status;
  }

  async isEnded(taskId: string): Promise<boolean> {
    return ENDED.includes(await this.statusOf(taskId));
  }

  async areEnded(taskIds: string[]): Promise<boolean> {
    const ended = await Promise.all(taskIds.map(id => this.isEnded(id)));
    return ended.every(Boolean);
  }

  /** What people read as the reason of a failure. */
  async errorOf(taskId: string): Promise<string | undefined> {
    const [body] = await this.knex('task_events')
      .where({ task_id: taskId, event_type: 'completion' })
      .pluck('body');
    return body && JSON.parse(body).error?.message;
  }

  /** Whether the secret that a task was started with is in the database. */
  async hasSecret(taskId: string): Promise<boolean> {
    const [secrets] = await this.knex('tasks')
      .where({ id: taskId })
      .pluck('secrets');
    return Boolean(secrets?.includes(SECRET));
  }

  repositoryOf(name: string): string {
    return path.join(this.site.gitDirectory, `${name}.git`);
  }

  /** The scaffolder's database, once a backend has made it. */
  get knex() {
    return this.site.openScaffolderDatabase();
  }

  async remove(): Promise<void> {
    await this.site.remove();
    await Promise.all(this.#networks.map(n => n.close()));
  }
}

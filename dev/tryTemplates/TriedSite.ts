import { JsonObject } from '@backstage/types';
import fs from 'node:fs/promises';
import path from 'node:path';
import { BackendProcess } from '../harness/backend/BackendProcess';
import { FEATURE_VARIABLE } from '../harness/backend/features';
import { readJsonLines } from '../harness/actions/JsonLines';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';
import { ENDED, ScaffolderClient } from '../harness/backend/ScaffolderClient';
import { TestSite } from '../harness/TestSite';
import { waitFor } from '../harness/waitFor';
import { normalise } from './backend/normalise';
import {
  CALLS_VARIABLE,
  FILTERS_VARIABLE,
  PLANS_VARIABLE,
} from './backend/variables';
import type { Entry } from './journal';
import type { Outcome } from './outcomes/outcome';
import { copyOf } from './read/copies';
import { TaskPlan, TaskPlans } from './taskPlan';
import type { TriedTemplate } from './prepare';
import type { TriedWay } from './ways';

const BACKEND = 'backend';

/** The user that tasks are started by: the guest, with what templates read of a user. */
const USER = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'User',
  metadata: { name: 'guest', namespace: 'development' },
  spec: {
    profile: { displayName: 'Guest', email: 'guest@example.com' },
    memberOf: [],
  },
};

/** For hundreds of templates on a slow machine. */
const CATALOG_SILENCE_MS = 20_000;

/** A step that takes longer is not among those that are tried. */
const SILENCE_SECONDS = 120;

/** One way: its backend, its database and its journals. All gone afterwards. */
export class TriedSite {
  #client!: ScaffolderClient;

  private constructor(
    private readonly way: TriedWay,
    private readonly site: TestSite,
    private readonly backend: BackendProcess,
    private readonly plans: TaskPlans,
  ) {}

  /**
   * Starts the backend.
   *
   * @param options.server - the PostgreSQL server to use. SQLite if not given
   * @param options.tasks - how many tasks may run at the same time
   * @param options.filters - names of filters of templates that the scaffolder does not bring, separated by commas
   */
  static async open(
    way: TriedWay,
    templates: TriedTemplate[],
    options: { server?: PostgresProcess; tasks: number; filters: string },
  ): Promise<TriedSite> {
    const { server, tasks, filters } = options;
    const entities = [
      USER,
      ...templates.map(t => copyOf(t.entity, t.name, way.strategy)),
    ];
    const engine = server ? 'PostgreSQL' : 'SQLite';
    const site = await TestSite.create(engine, server, entities);
    const plans = path.join(site.directory, 'plans');
    const backend = await site.createBackend(
      BACKEND,
      { ...way.scaffolder, concurrentTasksLimit: tasks },
      {
        isBare: true,
        isOwnHost: true,
        entry: path.join(__dirname, 'backend/index.ts'),
        env: {
          [FEATURE_VARIABLE]: way.feature,
          [PLANS_VARIABLE]: plans,
          [CALLS_VARIABLE]: callsOf(site),
          [FILTERS_VARIABLE]: filters,
          // A fetch logs a line for each file, which the scaffolder stores one by one.
          LOG_LEVEL: 'warn',
        },
        config: {
          catalog: {
            rules: [{ allow: ['Template', 'User'] }],
            locations: [
              {
                type: 'file',
                target: path.join(site.directory, 'templates/*.yaml'),
              },
            ],
          },
        },
      },
    );
    const tried = new TriedSite(way, site, backend, new TaskPlans(plans));
    await tried.#start();
    return tried;
  }

  /** Waits until the catalog has all templates, or takes no further one. Returns the names of those that it has. */
  async untilKnown(names: string[]): Promise<Set<string>> {
    let known = new Set<string>();
    let changedAt = Date.now();
    await waitFor(
      'the templates to be in the catalog',
      async () => {
        const now = new Set(await this.#client.templates());
        if (now.size > known.size) {
          changedAt = Date.now();
        }
        known = now;
        return (
          names.every(name => known.has(name)) ||
          Date.now() - changedAt > CATALOG_SILENCE_MS
        );
      },
      { timeoutMs: 600_000, intervalMs: 500 },
    );
    return known;
  }

  /** What the backend's log says of a template that the catalog does not take. */
  async complaintAbout(name: string): Promise<string> {
    const lines = (await this.backend.log()).split('\n');
    const line = lines.find(l => /warn|error/.test(l) && l.includes(name));
    return line ? `, its log: ${line.slice(0, 300)}` : '';
  }

  /**
   * Starts a task.
   *
   * @param hold - where its first run does not go on
   * @throws Error with what the scaffolder answered
   */
  async dispatch(
    template: TriedTemplate,
    values: JsonObject,
    hold?: TaskPlan['hold'],
  ): Promise<string> {
    const { name, secrets, plan } = template;
    const start = async () =>
      this.#client.dispatch(`template:default/${name}`, values, secrets);
    const id = await start().catch(error => {
      // Under load, the backend's requests to itself fail now and then on a connection that it has just closed.
      if (!error.message.includes('answered 5')) {
        throw error;
      }
      return start();
    });
    this.plans.write(id, { ...plan, hold });
    return id;
  }

  /** Waits until each task is held, or has ended. */
  async untilHeld(taskIds: string[]): Promise<void> {
    await this.#untilSettled(
      taskIds,
      async () => {
        const ended = await this.#ended(taskIds);
        return taskIds.filter(id => this.plans.wasHeld(id) || ended.has(id));
      },
      SILENCE_SECONDS,
    );
  }

  /** Waits until each task that nothing interrupts has ended. */
  async untilEnded(taskIds: string[]): Promise<void> {
    await this.#untilAllEnded(taskIds, SILENCE_SECONDS);
  }

  /** Waits until each interrupted task has ended, or nothing more happens. */
  async untilRecovered(taskIds: string[]): Promise<void> {
    await this.#untilAllEnded(taskIds, this.way.silenceSeconds);
  }

  /** Whether a task has come to where it was to be held. */
  wasHeld(taskId: string): boolean {
    return this.plans.wasHeld(taskId);
  }

  /** Kills the backend, deletes its files, as they go with a container, and starts it again. */
  async crash(): Promise<void> {
    await this.backend.kill();
    await this.site.loseDisk(BACKEND);
    await this.#start();
  }

  /** What became of tasks. */
  async outcomes(taskIds: string[]): Promise<Outcome[]> {
    const entries = readJsonLines<Entry>(callsOf(this.site));
    const knex = this.site.openScaffolderDatabase();
    const statuses = await knex('tasks').select('id', 'status');
    const completions = await knex('task_events')
      .where({ event_type: 'completion' })
      .select('task_id', 'body');
    return taskIds.map(taskId => {
      const completion = completions.find(c => c.task_id === taskId);
      const { error, output } = completion ? JSON.parse(completion.body) : {};
      return {
        taskId,
        status: statuses.find(s => s.id === taskId)?.status ?? 'gone',
        error: normalise(error?.message, taskId),
        output: normalise(output, taskId),
        entries: entries.filter(e => e.taskId === taskId),
      };
    });
  }

  async remove(): Promise<void> {
    await this.site.remove();
  }

  /** Ends all but leaves the files. */
  async close(): Promise<void> {
    await this.site.close();
  }

  async #start(): Promise<void> {
    this.#client = await this.backend.start();
  }

  async #untilAllEnded(taskIds: string[], silenceSeconds: number) {
    await this.#untilSettled(
      taskIds,
      async () => [...(await this.#ended(taskIds))],
      silenceSeconds,
    );
  }

  async #ended(taskIds: string[]): Promise<Set<string>> {
    const ended: string[] = await this.site
      .openScaffolderDatabase()('tasks')
      .whereIn('status', ENDED)
      .pluck('id');
    return new Set(ended.filter(id => taskIds.includes(id)));
  }

  /** Waits until a list has all tasks, or neither it nor the journals grow for so many seconds. */
  async #untilSettled(
    taskIds: string[],
    settled: () => Promise<string[]>,
    silenceSeconds: number,
  ): Promise<void> {
    let seen = -1;
    let changedAt = Date.now();
    await waitFor(
      'tasks to settle',
      async () => {
        const { length } = await settled();
        const size = length + (await sizeOf(callsOf(this.site)));
        if (size !== seen) {
          seen = size;
          changedAt = Date.now();
        }
        return (
          length === taskIds.length ||
          Date.now() - changedAt > silenceSeconds * 1000
        );
      },
      { timeoutMs: 3_600_000, intervalMs: 250 },
    );
  }
}

function callsOf(site: TestSite): string {
  return path.join(site.directory, 'calls');
}

async function sizeOf(directory: string): Promise<number> {
  const files = await fs.readdir(directory);
  const sizes = files.map(async file =>
    fs.stat(path.join(directory, file)).then(({ size }) => size),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

import { JsonObject } from '@backstage/types';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  countRuns,
  ScaffolderClient,
  TaskEvent,
} from '../../../dev/harness/backend/ScaffolderClient';
import { waitFor } from '../../../dev/harness/waitFor';
import { observedTemplates } from '../__testUtils__/observed/templates';
import { ENGINES, TestSite } from '../../../dev/harness/TestSite';
import { TASKS } from '../../scaffolder/tables';

jest.setTimeout(180_000);

const REPOSITORY = path.resolve(__dirname, '../../..');
const NAMES = Object.keys(
  observedTemplates,
) as (keyof typeof observedTemplates)[];

const LISTS = [
  'status=completed',
  'status=failed',
  'order=asc:created_at&limit=2',
];

/** What people see of a backend, without what differs each time. */
class Observer {
  readonly #taskIds: string[] = [];
  readonly #streams = new Map<string, { type: string; data: TaskEvent }[]>();

  constructor(private readonly client: ScaffolderClient) {}

  /** Starts a task, cancels it if its template waits for that, and follows it to its end. */
  async run(name: keyof typeof observedTemplates): Promise<string> {
    const id = await this.client.dispatch(
      `template:default/${name}`,
      { name: 'thing' },
      { token: 'very-secret' },
    );
    this.#taskIds.push(id);
    const stream = this.#follow(id);
    if (name === 'cancelled') {
      await waitFor('the step to wait', async () =>
        (await this.client.events(id)).some(
          ({ body }) =>
            body.stepId === 'second' && body.message.includes('saw'),
        ),
      );
      await this.client.cancel(id);
    }
    await stream;
    return id;
  }

  async retry(id: string): Promise<void> {
    await this.client.retry(id, { token: 'very-secret' });
    await this.#follow(id);
  }

  /** As the page of the task does while it runs. The backend ends the stream when the task has ended. */
  async #follow(id: string): Promise<void> {
    this.#streams.set(id, await this.client.eventStream(id));
    await this.client.waitForEnd(id);
  }

  /** All that is shown of a task, and how often each of its steps began. */
  async task(id: string) {
    const task = await this.client.task(id);
    const events = await this.client.events(id);
    const stream = this.#streams.get(id)!;
    const seen = {
      task,
      runs: [...countRuns(task, events)],
      events: inOrder(events),
      // Without lines: one that is stored after the end is not in the stream any more.
      stream: inOrder(stream.map(({ data }) => data)).changes,
      streamTypes: [...new Set(stream.map(s => `${s.type} ${s.data.type}`))],
    };
    return this.#normalized(seen);
  }

  async get(route: string) {
    return this.#normalized(await this.client.get(route));
  }

  /** The result, or why it failed. */
  async dryRun(name: keyof typeof observedTemplates) {
    const values = { name: 'thing' };
    const result = await this.client
      .dryRun(observedTemplates[name], values)
      .catch(error => `${error}`.replace(/"stack":"[^"]*"/, ''));
    return this.#normalized(result);
  }

  #normalized<T>(value: T): T {
    const text = this.#taskIds.reduce(
      (all, id, i) => all.replaceAll(id, `<task ${i}>`),
      JSON.stringify(value),
    );
    return JSON.parse(
      text
        // Of the template in the catalog.
        .replace(/"(uid|etag)":"[^"]*"/g, '"$1":"<$1>"')
        .replace(/dry-run-(content-)?[\da-f-]{36}/g, '<dry run>')
        // Of a stack: what node was at when it went on with the promises, such as a timer.
        .replace(/\\n +at [^\\]*\(node:internal\/[^\\)]*\)/g, '')
        .replace(
          /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00)?/g,
          '<time>',
        ),
    );
  }
}

/**
 * Events without their ids, which are numbers that count on whatever they belong to. What an action logs is stored by a statement that
 * nobody waits for, so that only what happens to steps and the task comes in one order.
 */
function inOrder(events: TaskEvent[]) {
  const isLine = ({ type, body }: TaskEvent) => type === 'log' && !body.status;
  const all = events.map(({ id, ...event }) => event as TaskEvent);
  return {
    changes: all.filter(event => !isLine(event)),
    lines: all
      .filter(isLine)
      .map(({ body }) => JSON.stringify(body))
      .sort(),
  };
}

describe.each(ENGINES)('a backend with the module on %s', engine => {
  const sites: TestSite[] = [];
  let templates: string;
  let withModule: Awaited<ReturnType<typeof observeAll>>;
  let without: typeof withModule;

  beforeAll(async () => {
    templates = await fs.mkdtemp(path.join(os.tmpdir(), 'templates-'));
    for (const name of NAMES) {
      await fs.writeFile(
        path.join(templates, `${name}.yaml`),
        JSON.stringify(observedTemplates[name]),
      );
    }
    const observe = async (entry: string, scaffolder: JsonObject) =>
      observeAll(await startBackend(entry, scaffolder));
    [withModule, without] = await Promise.all([
      observe('withModule', {
        recoverTasks: true,
        taskRecovery: { enabled: true, staleTimeout: { hours: 12 } },
      }),
      observe('withoutModule', {}),
    ]);
  });

  afterAll(async () => {
    await Promise.all(sites.map(site => site.remove()));
    await fs.rm(templates, { recursive: true, force: true });
  });

  async function startBackend(entry: string, scaffolder: JsonObject) {
    const site = await TestSite.create(engine);
    sites.push(site);
    const backend = await site.createBackend(entry, scaffolder, {
      entry: path.join(
        REPOSITORY,
        `src/e2e/__testUtils__/observed/${entry}.ts`,
      ),
      isBare: true,
      config: {
        catalog: {
          rules: [{ allow: ['Template'] }],
          locations: [{ type: 'file', target: `${templates}/*.yaml` }],
        },
      },
    });
    return new Observer(await backend.start());
  }

  it('starts, cancels, dry-runs, lists and logs tasks as one without it, as long as nothing crashes', () => {
    expect(withModule.first).toEqual(without.first);
  });

  it('retries tasks as one without it', () => {
    expect(withModule.retried).toEqual(without.retried);
  });

  it('keeps no secrets of tasks that have ended', async () => {
    for (const site of sites) {
      const tasks = await site.openScaffolderDatabase()(TASKS);
      expect(tasks.map(task => task.secrets)).toEqual(NAMES.map(() => null));
    }
  });
});

/** What people see of tasks of all templates, at first and once they were retried. */
async function observeAll(observer: Observer) {
  const first: Record<string, unknown> = {
    actions: await observer.get('actions'),
  };
  const retried: Record<string, unknown> = {};
  const ids = new Map<string, string>();
  for (const name of NAMES) {
    first[`dry run of ${name}`] = await observer.dryRun(name);
    ids.set(name, await observer.run(name));
    first[name] = await observer.task(ids.get(name)!);
  }
  for (const query of LISTS) {
    first[`list ${query}`] = await observer.get(`tasks?${query}`);
  }
  for (const [name, id] of ids) {
    await observer.retry(id);
    retried[name] = await observer.task(id);
  }
  for (const query of LISTS) {
    retried[`list ${query}`] = await observer.get(`tasks?${query}`);
  }
  return { first, retried };
}

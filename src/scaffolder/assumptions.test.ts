import { resolvePackagePath } from '@backstage/backend-plugin-api';
import {
  mockCredentials,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { DefaultEventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import fs from 'node:fs';
import path from 'node:path';
import { listen } from '../database/connection/listen';
import { findMissingTables } from '../database/operations/server/findMissingTables';
import {
  insertTask,
  migrateScaffolderOnly,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { ASSUMPTIONS } from './assumptions';
import { readInstalledVersions } from './check/installedVersions';
import { SentStatement } from './statements/claimedTask';
import { TASKS } from './tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const logger = mockServices.logger.mock();
const { statements, intervals, defaults, statuses, eventTypes } = ASSUMPTIONS;

const sourceOf = (file: string) =>
  path.join(
    resolvePackagePath('@backstage/plugin-scaffolder-backend'),
    'dist',
    `${file}.cjs.js`,
  );
const readSource = (file: string) => fs.readFileSync(sourceOf(file), 'utf8');

describe('the installed scaffolder', () => {
  it('is one of the tested releases', () => {
    const { scaffolder } = readInstalledVersions();
    const minor = scaffolder!.split('.').slice(0, 2).join('.');
    expect(ASSUMPTIONS.testedVersions).toContain(minor);
  });

  it('polls and writes heartbeats as often as declared', () => {
    const [, poll] = /TASK_RECOVERY_INTERVAL_MS = (\S+);/.exec(
      readSource('scaffolder/tasks/TaskWorker'),
    )!;
    expect(Number(poll)).toBe(intervals.poll * 1000);
    const [, heartbeat] =
      /heartbeatTimeoutId = setTimeout\([^]*?\}, (\S+)\);/.exec(
        readSource('scaffolder/tasks/StorageTaskBroker'),
      )!;
    expect(Number(heartbeat)).toBe(intervals.heartbeat * 1000);
  });

  it('has the defaults that are declared', () => {
    const router = readSource('service/router');
    const broker = readSource('scaffolder/tasks/StorageTaskBroker');
    const worker = readSource('scaffolder/tasks/TaskWorker');
    const [, hours] = /"scaffolder\.taskTimeout", \{\s*hours: (\d+)/.exec(
      router,
    )!;
    const [, seconds] = /defaultTimeout = \{ seconds: (\d+) \}/.exec(broker)!;
    const [, tasks] = /concurrentTasksLimit = (\d+)/.exec(worker)!;
    expect({
      taskTimeout: Number(hours) * 3600,
      staleTimeout: Number(seconds),
      concurrentTasks: Number(tasks),
    }).toEqual(defaults);
  });

  it('lets tasks be started again from the statuses that are declared to be ended', () => {
    const [, ended] = /whereIn\("status", (\["[^\]]*\])\)/.exec(
      readSource('scaffolder/tasks/DatabaseTaskStore'),
    )!;
    expect(JSON.parse(ended).sort()).toEqual([...statuses.ended].sort());
  });

  it('writes the types of events that are declared', () => {
    const written = readSource('scaffolder/tasks/DatabaseTaskStore').matchAll(
      /event_type: "(\w+)"/g,
    );
    expect(new Set([...written].map(([, type]) => type))).toEqual(
      new Set(eventTypes),
    );
  });

  it('stores the credentials of whoever starts a task in the shape that is declared', () => {
    const written = readSource('service/router').matchAll(
      /__initiatorCredentials: JSON\.stringify\(\{\s*\.\.\.credentials,/g,
    );
    // Of a new task, and of a retry.
    expect([...written]).toHaveLength(2);
    const credentials = mockCredentials.user('user:default/anne');
    const signInExpiresAt = new Date('2026-11-26T08:00:00Z');
    const secrets = {
      __initiatorCredentials: JSON.stringify({
        ...credentials,
        expiresAt: signInExpiresAt,
      }),
    };
    expect(ASSUMPTIONS.shapes.secrets(JSON.stringify(secrets))).toEqual({
      state: 'readable',
      signInExpiresAt,
    });
  });

  it('starts an ended task again by the route that is declared', () => {
    const { path: route, startedStatus } = ASSUMPTIONS.retryRoute;
    const [, handler] = readSource('service/router').split(
      `.post("${route}", async`,
    );
    const [, status] = /taskBroker\.retry\b[^]*?res\.status\((\d+)\)/.exec(
      handler,
    )!;
    expect(Number(status)).toBe(startedStatus);
  });

  it('asks a workspace provider when it is declared to', async () => {
    const calls = readSource(
      'scaffolder/tasks/NunjucksWorkflowRunner',
    ).matchAll(/\btask\.(\w*Workspace|updateStepState)\?\.\(/g);
    expect([...calls].map(([, call]) => call)).toEqual(ASSUMPTIONS.runnerCalls);
    expect(readSource('scaffolder/tasks/StorageTaskBroker')).toMatch(
      /if \(result === "completed"\) \{\s*try \{\s*await this\.workspaceService\.cleanWorkspace\(\)/,
    );
  });
});

describe.each(databases.eachSupportedId())(
  'the installed scaffolder on %s',
  databaseId => {
    let knex: Knex;
    let lifetime: AbortController;
    let store: any;
    const published: { id: string; status: string }[] = [];

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolderOnly(knex);
    });

    beforeEach(async () => {
      lifetime = new AbortController();
      await knex(TASKS).delete();
      const events = DefaultEventsService.create({ logger });
      store = await require(
        sourceOf('scaffolder/tasks/DatabaseTaskStore'),
      ).DatabaseTaskStore.create({
        database: knex,
        events,
        recoverTasksEnabled: true,
      });
      await events.subscribe({
        id: 'test',
        topics: [ASSUMPTIONS.topic],
        onEvent: async ({ eventPayload }) => {
          published.push(eventPayload as { id: string; status: string });
        },
      });
    });

    afterEach(() => {
      lifetime.abort();
      published.length = 0;
    });

    it('has the tables and columns that are declared', async () => {
      expect(await findMissingTables(knex, ASSUMPTIONS.tables)).toEqual([]);
    });

    it('sends the statements and events that are declared, and writes a spec and a state of the declared shape', async () => {
      const seen: string[] = [];
      const { signal } = lifetime;
      const note = (what: string, taskId: string | undefined) =>
        taskId !== undefined && seen.push(`${what} ${taskId}`);
      listen(
        knex,
        'start',
        (builder: Knex.QueryBuilder) => {
          note('retry', statements.retry(builder));
          const { taskId, ...run } = statements.run(builder) ?? {};
          note(Object.values(run).join(), taskId);
          const end = statements.end(builder);
          note(`end ${end?.status}`, end?.taskId);
        },
        signal,
      );
      listen(
        knex,
        'query',
        (statement: SentStatement) => {
          note('heartbeat', statements.heartbeat(statement));
          note('poll', statements.poll(statement.sql) ? '' : undefined);
        },
        signal,
      );
      listen(
        knex,
        'query-response',
        (answer: unknown, statement: SentStatement) =>
          note(`claim ${answer}`, statements.claim(statement)),
        signal,
      );

      const { taskId: id } = await store.createTask({
        spec: { steps: [{ id: 'one', name: 'One' }], parameters: {} },
      });
      await store.claimTask();
      await store.heartbeatTask(id);
      await store.saveTaskState({
        taskId: id,
        state: { steps: { one: { status: 'completed', output: {} } } },
      });
      await store.getTaskState({ taskId: id });
      await store.emitLogEvent({
        taskId: id,
        body: { message: 'Beginning', stepId: 'one', status: 'processing' },
      });
      await store.recoverTasks({ timeout: { seconds: 30 } });
      await store.completeTask({
        taskId: id,
        status: 'failed',
        eventBody: { message: 'x' },
      });
      const row = await knex(TASKS).where({ id }).first();
      await store.retryTask({ taskId: id, secrets: {} });

      expect(seen).toEqual([
        `claim 1 ${id}`,
        // Before it is sent, and when it is.
        `heartbeat ${id}`,
        `heartbeat ${id}`,
        `save ${id}`,
        `read ${id}`,
        `line,one,processing,Beginning ${id}`,
        'poll ',
        `end failed ${id}`,
        `retry ${id}`,
      ]);
      expect(published).toEqual([
        expect.objectContaining({ id, status: 'open' }),
        expect.objectContaining({ id, status: 'processing' }),
        expect.objectContaining({ id, status: 'failed' }),
      ]);
      expect(ASSUMPTIONS.shapes.spec(row.spec).steps).toMatchObject([
        { id: 'one', name: 'One' },
      ]);
      expect(ASSUMPTIONS.shapes.state(row.state)).toMatchObject({
        state: { steps: { one: { status: 'completed' } } },
      });
    });

    it('publishes a claim after its statement was answered, and before that is committed', async () => {
      const id = await insertTask(knex, { status: 'open' });
      const order: string[] = [];
      listen(
        knex,
        'query-response',
        (_: unknown, statement: SentStatement) =>
          statements.claim(statement) === id &&
          order.push(`answered, ${published.length} published`),
        lifetime.signal,
      );
      listen(
        knex,
        'query',
        ({ sql }: SentStatement) =>
          sql.startsWith('COMMIT') &&
          order.push(`commit, ${published.length} published`),
        lifetime.signal,
      );
      await store.claimTask();
      expect(order).toEqual(['answered, 0 published', 'commit, 1 published']);
    });
  },
);

import { authServiceFactory } from '@backstage/backend-defaults/auth';
import { httpAuthServiceFactory } from '@backstage/backend-defaults/httpAuth';
import { permissionsServiceFactory } from '@backstage/backend-defaults/permissions';
import { userInfoServiceFactory } from '@backstage/backend-defaults/userInfo';
import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import {
  createMockDirectory,
  mockServices,
  startTestBackend,
  TestBackend,
  TestDatabases,
} from '@backstage/backend-test-utils';
import authPlugin from '@backstage/plugin-auth-backend';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import permissionPlugin from '@backstage/plugin-permission-backend';
import {
  AuthorizeResult,
  PolicyDecision,
} from '@backstage/plugin-permission-common';
import {
  PolicyQuery,
  PolicyQueryUser,
} from '@backstage/plugin-permission-node';
import { policyExtensionPoint } from '@backstage/plugin-permission-node/alpha';
import scaffolderPlugin from '@backstage/plugin-scaffolder-backend';
import {
  createScaffolderTaskConditionalDecision,
  scaffolderTaskConditions,
} from '@backstage/plugin-scaffolder-backend/alpha';
import { taskReadPermission } from '@backstage/plugin-scaffolder-common/alpha';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import recoveryModule from '..';
import { signIn, signInProvider } from '../../dev/harness/backend/signIn';
import {
  databaseOfScaffolder,
  insertTask,
  migrateScaffolder,
  newAttempt,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import {
  NewAttempt,
  recordAttempts,
} from '../database/operations/attempts/recordAttempts';
import { rememberStrategy } from '../__testUtils__/rememberStrategy';
import { ATTEMPTS, SNAPSHOTS } from '../database/tables';
import { TASKS } from '../scaffolder/tables';
import { secondsAgo } from '../database/time';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

const ANNE = 'user:default/anne';
const BEN = 'user:default/ben';
/** May read all tasks. */
const ADMIN = 'user:default/admin';
/** May read none. */
const NOBODY = 'user:default/nobody';
/** May read those of others only. */
const AUDITOR = 'user:default/auditor';

/** A policy as an operator would write it: everybody may read their own tasks. */
const policy = createBackendModule({
  pluginId: 'permission',
  moduleId: 'test-policy',
  register({ registerInit }) {
    registerInit({
      deps: { policies: policyExtensionPoint, logger: coreServices.logger },
      async init({ policies }) {
        policies.setPolicy({ handle: async (q, user) => decide(q, user) });
      },
    });
  },
});

function decide(
  { permission }: PolicyQuery,
  user?: PolicyQueryUser,
): PolicyDecision {
  const me = user?.info.userEntityRef ?? '';
  if (permission.name !== taskReadPermission.name || me === ADMIN) {
    return { result: AuthorizeResult.ALLOW };
  }
  if (me === NOBODY) {
    return { result: AuthorizeResult.DENY };
  }
  const own = scaffolderTaskConditions.isTaskOwner({ createdBy: [me] });
  return createScaffolderTaskConditionalDecision(
    permission as typeof taskReadPermission,
    me === AUDITOR
      ? {
          allOf: [
            { not: own },
            { anyOf: [own, { not: own }] },
            { not: { anyOf: [own] } },
          ],
        }
      : { anyOf: [own] },
  );
}

const cursorOf = (...position: unknown[]) =>
  Buffer.from(JSON.stringify(position)).toString('base64url');

describe.each(databases.eachSupportedId())('the REST API on %s', databaseId => {
  const directory = createMockDirectory();
  let knex: Knex;
  let backend: TestBackend;
  let baseUrl: string;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    backend = await startTestBackend({
      features: [
        scaffolderPlugin,
        recoveryModule,
        permissionPlugin,
        policy,
        authPlugin,
        signInProvider,
        authServiceFactory,
        httpAuthServiceFactory,
        permissionsServiceFactory,
        userInfoServiceFactory,
        catalogServiceMock.factory({ entities: [] }),
        databaseOfScaffolder(knex),
        mockServices.rootConfig.factory({
          data: {
            permission: { enabled: true },
            app: { baseUrl: 'http://localhost:3000' },
            auth: { providers: { test: {} } },
            backend: { workingDirectory: directory.path },
            scaffolder: {
              recoverTasks: true,
              taskRecovery: { enabled: true, staleTimeout: { hours: 12 } },
            },
          },
        }),
      ],
    });
    baseUrl = `http://localhost:${backend.server.port()}`;
    for (const user of [ANNE, BEN, ADMIN, NOBODY, AUDITOR]) {
      tokens.set(user, await signIn(baseUrl, user));
    }
  });
  afterAll(() => backend.stop());
  beforeEach(() => knex(TASKS).delete());

  const authorization = (user: string) => ({
    authorization: `Bearer ${tokens.get(user)}`,
  });

  async function get(path: string, user?: string) {
    const response = await fetch(
      `${baseUrl}/api/scaffolder/recovery/v1${path}`,
      { headers: user ? authorization(user) : {} },
    );
    return { status: response.status, body: await response.json() };
  }

  async function insertAttempt(
    createdBy: string,
    attempt: Partial<NewAttempt> = {},
    secondsOld = 0,
  ): Promise<string> {
    const taskId =
      attempt.taskId ?? (await insertTask(knex, { status: 'completed' }));
    await knex(TASKS).where({ id: taskId }).update({ created_by: createdBy });
    await knex.transaction(tx =>
      recordAttempts(tx, [newAttempt({ taskId, ...attempt })]),
    );
    await knex(ATTEMPTS)
      .where({ task_id: taskId, attempt: attempt.attempt ?? 1 })
      .update({ decided_at: secondsAgo(knex, secondsOld) });
    return taskId;
  }
  const ids = ({ body }: { body: any }) =>
    body.items.map((item: any) => item.taskId);

  it('shows a decision with all that was recorded of it, and nothing else', async () => {
    const taskId = await insertAttempt(ANNE, {
      templateRef: 'template:default/sample',
      strategy: 'idempotent',
      strategySource: 'template',
      decision: 'resume',
      reason: `Interrupted at step 'two'.`,
      interruptedAt: 'two',
      skippedSteps: ['zero'],
      stepsAgain: [{ stepId: 'one', because: 'neededBy', neededBy: ['two'] }],
      secondsSilent: 31.5,
      interruptedBy: 'crash',
      knownBy: 'lock',
    });
    await knex(ATTEMPTS).update({
      outcome: 'completed',
      claimed_at: secondsAgo(knex, 0),
      resumed_at: secondsAgo(knex, 0),
      ended_at: secondsAgo(knex, 0),
    });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(await get('/attempts', ANNE)).toEqual({
      status: 200,
      body: {
        items: [
          {
            taskId,
            attempt: 1,
            trigger: 'interruption',
            templateRef: 'template:default/sample',
            strategy: 'idempotent',
            strategySource: 'template',
            decision: 'resume',
            reason: `Interrupted at step 'two'.`,
            interruptedBy: 'crash',
            knownBy: 'lock',
            interruptedAt: 'two',
            secondsSilent: 31.5,
            skippedSteps: ['zero'],
            stepsAgain: [
              { stepId: 'one', because: 'neededBy', neededBy: ['two'] },
            ],
            decidedAt: time,
            claimedAt: time,
            resumedAt: time,
            endedAt: time,
            outcome: 'completed',
          },
        ],
        pageInfo: {},
      },
    });
  });

  it('shows what interrupted a task, also where an earlier release has recorded it', async () => {
    for (const interruptedBy of [
      'silence',
      'shutdown',
      'connection',
    ] as const) {
      await knex(ATTEMPTS).delete();
      await insertAttempt(ANNE, { interruptedBy });
      for (const interrupted_by of [interruptedBy, null]) {
        await knex(ATTEMPTS).update({ interrupted_by });
        const { body } = await get('/attempts', ANNE);
        expect(body.items[0].interruptedBy).toBe(
          interrupted_by ??
            (interruptedBy === 'shutdown' ? 'shutdown' : 'silence'),
        );
      }
    }
  });

  describe('to whom it is shown', () => {
    it('is nobody without credentials', async () => {
      const taskId = await insertAttempt(ANNE);
      for (const path of ['/attempts', '/summary', `/tasks/${taskId}`]) {
        expect((await get(path)).status).toBe(401);
      }
    });

    it('is nobody who may not read tasks, whether there is such a task or not', async () => {
      const taskId = await insertAttempt(ANNE);
      for (const path of [
        '/attempts',
        '/summary',
        `/tasks/${taskId}`,
        `/tasks/${randomUUID()}`,
      ]) {
        const { status, body } = await get(path, NOBODY);
        expect({ path, status }).toEqual({ path, status: 403 });
        expect(JSON.stringify(body)).not.toContain('sample');
      }
    });

    it('is whoever may read all tasks', async () => {
      const taskIds = [await insertAttempt(ANNE), await insertAttempt(BEN)];
      expect(ids(await get('/attempts', ADMIN)).sort()).toEqual(taskIds.sort());
      expect((await get('/summary', ADMIN)).body.total).toBe(2);
      expect((await get(`/tasks/${taskIds[0]}`, ADMIN)).status).toBe(200);
    });

    it('is whoever may read some tasks, of those', async () => {
      const annes = await insertAttempt(ANNE);
      const bens = await insertAttempt(BEN, { decision: 'resume' });
      expect(ids(await get('/attempts', ANNE))).toEqual([annes]);
      expect(ids(await get(`/attempts?taskId=${bens}`, ANNE))).toEqual([]);
      expect((await get('/summary', ANNE)).body).toMatchObject({
        total: 1,
        counts: [
          {
            trigger: 'interruption',
            decision: 'restart',
            outcome: 'waiting',
            count: 1,
          },
        ],
      });
      expect((await get(`/tasks/${annes}`, ANNE)).status).toBe(200);
    });

    it('sees no difference between a task that they may not read and none', async () => {
      const bens = await insertAttempt(BEN);
      const other = randomUUID();
      const [hidden, none] = await Promise.all(
        [bens, other].map(id => get(`/tasks/${id}`, ANNE)),
      );
      expect(hidden.status).toBe(404);
      expect(JSON.stringify(hidden).replaceAll(bens, other)).toEqual(
        JSON.stringify(none),
      );
    });

    it('understands conditions with all, any and not, also of a task that nobody started', async () => {
      await insertAttempt(AUDITOR);
      const annes = await insertAttempt(ANNE);
      const orphan = await insertAttempt(ANNE);
      await knex(TASKS).where({ id: orphan }).update({ created_by: null });
      expect(ids(await get('/attempts', AUDITOR)).sort()).toEqual(
        [annes, orphan].sort(),
      );
      expect(ids(await get('/attempts', ANNE))).toEqual([annes]);
    });
  });

  describe('GET /attempts', () => {
    it('filters by everything that it lists', async () => {
      const taskId = await insertAttempt(
        ANNE,
        {
          templateRef: 'template:default/a',
          strategy: 'none',
          decision: 'failed',
          isClose: true,
        },
        3600,
      );
      await insertAttempt(ANNE, {
        templateRef: 'template:default/b',
        strategy: 'restart',
      });
      const halfAnHourAgo = new Date(Date.now() - 1_800_000).toISOString();
      for (const filter of [
        `taskId=${taskId}`,
        'templateRef=template:default/a',
        'strategy=none',
        'decision=failed',
        'outcome=closed',
        `decidedBefore=${halfAnHourAgo}`,
        `strategy=none&decidedAfter=2026-01-01T00:00:00%2B01:00`,
      ]) {
        expect({
          filter,
          ids: ids(await get(`/attempts?${filter}`, ADMIN)),
        }).toEqual({ filter, ids: [taskId] });
      }
      expect(
        ids(await get(`/attempts?decidedAfter=${halfAnHourAgo}`, ADMIN)),
      ).not.toContain(taskId);
    });

    it('pages from the newest to the oldest, and misses none that was decided on in the same moment', async () => {
      const taskIds: string[] = [];
      for (let i = 0; i < 3; i++) {
        taskIds.push(await insertAttempt(ANNE));
      }
      await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 60) });
      const newest = await insertAttempt(ANNE);
      await insertAttempt(ANNE, { taskId: newest, attempt: 2 });
      await insertAttempt(BEN);

      const found: [string, number][] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const { body } = await get(
          `/attempts?limit=2${cursor ? `&cursor=${cursor}` : ''}`,
          ANNE,
        );
        expect(body.items.length).toBeLessThanOrEqual(2);
        found.push(...body.items.map((i: any) => [i.taskId, i.attempt]));
        cursor = body.pageInfo.nextCursor;
        pages += 1;
      } while (cursor);
      expect(pages).toBe(3);
      expect(found.slice(0, 2)).toEqual([
        [newest, 2],
        [newest, 1],
      ]);
      expect(found.slice(2).map(([id]) => id)).toEqual(
        [...taskIds].sort().reverse(),
      );
    });

    it.each([
      ['taskId=42', 'taskId'],
      ['templateRef=', 'templateRef'],
      ['strategy=sometimes', 'strategy'],
      ['decision=maybe', 'decision'],
      ['outcome=good', 'outcome'],
      ['decidedAfter=yesterday', 'decidedAfter'],
      ['decidedBefore=2026-13-01T00:00:00Z', 'decidedBefore'],
      ['decidedBefore=2026-11-25T23:59:60Z', 'decidedBefore'],
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=many', 'limit'],
      ['cursor=abc', 'cursor'],
      ['cursor=WyIyMDI2Il0', 'cursor'],
      [`cursor=${cursorOf('2026-13-45T99:99:99', randomUUID(), 1)}`, 'cursor'],
      [
        `cursor=${cursorOf('2026-11-25 01:02:03 xx', randomUUID(), 1)}`,
        'cursor',
      ],
      [
        `cursor=${cursorOf('2026-11-25 01:02:03', '-'.repeat(36), 1)}`,
        'cursor',
      ],
      [
        `cursor=${cursorOf('2026-11-25 01:02:03', randomUUID(), 1e12)}`,
        'cursor',
      ],
      ['color=red', 'color'],
      ['strategy=none&strategy=restart', 'strategy'],
    ])('answers 400 to ?%s and names the parameter', async (query, name) => {
      const { status, body } = await get(`/attempts?${query}`, ADMIN);
      expect({ status, error: body.error }).toEqual({
        status: 400,
        error: expect.objectContaining({
          name: 'InputError',
          message: expect.stringContaining(name),
        }),
      });
    });
  });

  describe('GET /summary', () => {
    it('counts by strategy, decision and outcome over a time', async () => {
      for (const isClose of [true, true, false]) {
        await insertAttempt(ANNE, {
          strategy: isClose ? 'none' : 'restart',
          decision: isClose ? 'failed' : 'restart',
          isClose,
        });
      }
      await insertAttempt(ANNE, {}, 3600);
      const halfAnHourAgo = new Date(Date.now() - 1_800_000).toISOString();
      expect(
        (await get(`/summary?decidedAfter=${halfAnHourAgo}`, ADMIN)).body,
      ).toEqual({
        decidedAfter: halfAnHourAgo,
        decidedBefore: expect.any(String),
        total: 3,
        counts: [
          {
            trigger: 'interruption',
            strategy: 'none',
            decision: 'failed',
            outcome: 'closed',
            count: 2,
          },
          {
            trigger: 'interruption',
            strategy: 'restart',
            decision: 'restart',
            outcome: 'waiting',
            count: 1,
          },
        ],
      });
    });

    it('counts the last 30 days if it is not asked for more, and returns the range', async () => {
      const day = 86_400;
      for (const secondsBefore of [0, 29 * day, 31 * day, 61 * day]) {
        await insertAttempt(ANNE, {}, secondsBefore);
      }
      const { body } = await get('/summary', ADMIN);
      expect(body.total).toBe(2);
      const [after, before] = [body.decidedAfter, body.decidedBefore].map(
        (time: string) => new Date(time).getTime(),
      );
      expect(before - after).toBe(30 * day * 1000);
      expect(Math.abs(before - Date.now())).toBeLessThan(60_000);

      const asked = new Date(after).toISOString();
      expect(
        (await get(`/summary?decidedBefore=${asked}`, ADMIN)).body,
      ).toMatchObject({
        total: 1,
        decidedAfter: new Date(after - 30 * day * 1000).toISOString(),
        decidedBefore: asked,
      });
      const all = '/summary?decidedAfter=2020-01-01T00:00:00Z';
      expect((await get(all, ADMIN)).body.total).toBe(4);
    });

    it('answers 400 to a time that is none', async () => {
      const { status, body } = await get('/summary?decidedAfter=1', ADMIN);
      expect(status).toBe(400);
      expect(body.error.message).toContain('decidedAfter');
    });
  });

  describe('GET /tasks/{taskId}', () => {
    it('forecasts what would happen to a running task, step by step', async () => {
      const taskId = await insertTask(knex, {
        silentSeconds: 1,
        steps: [
          'zero',
          'one',
          { id: 'two', recovery: { dependsOn: 'one' } },
          'three',
        ],
        completed: ['zero', 'one'],
      });
      await rememberStrategy(knex, {
        task_id: taskId,
        strategy: 'idempotent',
        source: 'template',
        remark: null,
      });
      const { body } = await get(`/tasks/${taskId}`, ADMIN);
      expect(body).toEqual({
        taskId,
        status: 'processing',
        attempts: [],
        ifInterruptedNow: {
          decision: 'resume',
          strategy: 'idempotent',
          strategySource: 'template',
          goesOnAt: 'two',
          files: { kind: 'missing', stepId: 'zero' },
          steps: [
            { stepId: 'zero', happens: 'skipped' },
            {
              stepId: 'one',
              happens: 'runsAgain',
              because: 'neededBy',
              neededBy: ['two'],
            },
            { stepId: 'two', happens: 'runs' },
            { stepId: 'three', happens: 'runs' },
          ],
        },
      });
    });

    it('forecasts that a running task would be closed', async () => {
      const taskId = await insertTask(knex, { silentSeconds: 1 });
      await rememberStrategy(knex, {
        task_id: taskId,
        strategy: 'none',
        source: 'default',
        remark: null,
      });
      const { body } = await get(`/tasks/${taskId}`, ADMIN);
      expect(body.ifInterruptedNow).toEqual({
        decision: 'failed',
        strategy: 'none',
        strategySource: 'default',
        steps: [],
      });
    });

    it('shows the decisions on a task that has ended, and foretells nothing', async () => {
      const taskId = await insertAttempt(ANNE);
      await insertAttempt(ANNE, { taskId, attempt: 2 });
      const { body } = await get(`/tasks/${taskId}`, ANNE);
      expect(body.attempts.map((a: any) => a.attempt)).toEqual([2, 1]);
      expect(body.status).toBe('completed');
      expect(body).not.toHaveProperty('ifInterruptedNow');
    });

    async function insertWithSnapshot(status: string): Promise<string> {
      const taskId = await insertTask(knex, { status, silentSeconds: 600 });
      await knex(SNAPSHOTS).insert({
        task_id: taskId,
        ...{ number: 2, kind: 'files', epoch: 1, base: 1, last_event: 0 },
        ...{ files: 1, bytes: 90, stored_bytes: 70 },
        needs: JSON.stringify({
          stores: ['directory:/old', 'directory:/shared'],
          keys: [],
        }),
      });
      return taskId;
    }

    it.each(['completed', 'processing'])(
      'tells what is kept of the files of a task that is %s',
      async status => {
        const taskId = await insertWithSnapshot(status);
        const { body } = await get(`/tasks/${taskId}`, ADMIN);
        expect(body.workspace).toEqual({
          snapshots: 1,
          storedBytes: 70,
          stores: ['directory:/old', 'directory:/shared'],
        });
      },
    );

    it.each(['failed', 'cancelled'])(
      'tells until when the files of a task are kept that is %s: for a time after its last sign of life',
      async status => {
        const taskId = await insertWithSnapshot(status);
        const { body } = await get(`/tasks/${taskId}`, ADMIN);
        const { keptUntil, ...kept } = body.workspace;
        expect(kept).toMatchObject({ snapshots: 1, storedBytes: 70 });
        const minutes = (Date.parse(keptUntil) - Date.now()) / 60_000;
        expect(Math.round(minutes)).toBe(24 * 60 - 10);
      },
    );

    it('answers 400 to an id that is none', async () => {
      const { status, body } = await get('/tasks/42', ADMIN);
      expect(status).toBe(400);
      expect(body.error.message).toContain('taskId');
    });

    it('never shows parameters or secrets', async () => {
      const taskId = await insertTask(knex, {
        silentSeconds: 1,
        secrets: JSON.stringify({ token: 'top-secret' }),
        spec: JSON.stringify({
          steps: [{ id: 'one', input: { password: 'top-secret' } }],
          parameters: { password: 'top-secret' },
        }),
        state: JSON.stringify({ state: { steps: { one: 'top-secret' } } }),
      });
      for (const path of [`/tasks/${taskId}`, '/attempts', '/summary']) {
        const { status, body } = await get(path, ADMIN);
        expect(status).toBe(200);
        expect(JSON.stringify(body)).not.toContain('top-secret');
      }
    });
  });

  it('leaves the routes of the scaffolder alone', async () => {
    const response = await fetch(`${baseUrl}/api/scaffolder/v2/tasks?limit=1`, {
      headers: authorization(ADMIN),
    });
    expect(response.status).toBe(200);
  });

  it('serves its OpenAPI document, which is a valid one', async () => {
    const { status, body } = await get('/openapi.json', ADMIN);
    expect(status).toBe(200);
    expect(Object.keys(body.paths)).toEqual([
      '/api/scaffolder/recovery/v1/attempts',
      '/api/scaffolder/recovery/v1/tasks/{taskId}',
      '/api/scaffolder/recovery/v1/summary',
    ]);
  });
});

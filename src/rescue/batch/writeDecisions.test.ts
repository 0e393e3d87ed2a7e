import { TestDatabases } from '@backstage/backend-test-utils';
import { listStale } from '../../__testUtils__/interruptedTasks';
import {
  insertEvent,
  insertTask,
  readAttempts,
  readEvents,
  readTask,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { ATTEMPTS } from '../../database/tables';
import { NO_DECISIONS, PassSite } from '../__testUtils__/PassSite';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'writeDecisions on %s',
  databaseId => {
    const site = new PassSite();

    beforeAll(() => site.open(databases.init(databaseId)));
    beforeEach(() => site.reset());

    it('closes a task whose strategy is none, with the reason under the step that ran', async () => {
      const id = await site.interrupted('none');
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        failed: 1,
      });

      expect(await readTask(site.knex, id)).toMatchObject({
        status: 'failed',
        secrets: null,
      });
      const message = expect.stringMatching(
        /^Interrupted at step 'two': .* strategy 'none'/,
      );
      expect(await site.newEvents(id)).toEqual([
        { type: 'log', body: { message, stepId: 'two', status: 'failed' } },
        {
          type: 'completion',
          body: { message, error: { name: 'InterruptedError', message } },
        },
      ]);
      expect(await readAttempts(site.knex, id)).toEqual([
        { attempt: 1, decision: 'failed', strategy: 'none' },
      ]);
      expect(site.events.publish).toHaveBeenCalledTimes(1);
      expect(site.events.publish).toHaveBeenCalledWith({
        topic: 'scaffolder.task',
        eventPayload: expect.objectContaining({ id, status: 'failed' }),
      });
    });

    it('opens a task in the startup hook, with a recovered event and what happens now', async () => {
      const id = await site.interrupted('idempotent', {
        steps: ['one', { id: 'two', recovery: { dependsOn: 'one' } }, 'three'],
      });
      expect(await site.createPass().runAtStartup()).toEqual({
        ...NO_DECISIONS,
        resume: 1,
      });

      expect(await readTask(site.knex, id)).toMatchObject({
        status: 'open',
        secrets: expect.stringContaining('very-secret'),
      });
      expect(await site.stepsOf(id)).toEqual([]);
      expect(await site.newEvents(id)).toEqual([
        { type: 'recovered', body: { recoverStrategy: 'idempotent' } },
        {
          type: 'log',
          body: {
            stepId: 'two',
            message: expect.stringMatching(
              /^Interrupted at step 'two': .* strategy 'idempotent'.* run again: one\./,
            ),
          },
        },
        {
          type: 'log',
          body: {
            stepId: 'one',
            message: expect.stringContaining(`'two' depends on it`),
          },
        },
      ]);
      expect(site.events.publish).toHaveBeenCalledWith({
        topic: 'scaffolder.task',
        eventPayload: {
          id: expect.any(Number),
          taskId: id,
          status: 'recovered',
          body: { recoverStrategy: 'idempotent' },
        },
      });
      expect(site.logger.info).toHaveBeenCalledWith(
        expect.stringMatching(
          `^Task ${id} of template:default/sample, .*goes on at step 'two'`,
        ),
      );
    });

    it('restarts a task from its first step and keeps its checkpoints', async () => {
      const checkpoints = { 'v1.task.checkpoint.one.x': { status: 'success' } };
      const id = await site.interrupted('restart', { checkpoints });
      await site.createPass().runAtStartup();
      expect(JSON.parse((await readTask(site.knex, id)).state!)).toEqual({
        state: { checkpoints, steps: {} },
      });
      expect(await site.newEvents(id)).toContainEqual({
        type: 'log',
        body: {
          stepId: 'one',
          message: expect.stringContaining(`the strategy is 'restart'`),
        },
      });
    });

    it('closes a cancelled task as cancelled', async () => {
      const id = await site.interrupted('restart');
      await insertEvent(site.knex, id, 'cancelled', {
        message: 'x',
        stepId: 'two',
      });
      expect(await site.createPass().runAtStartup()).toEqual({
        ...NO_DECISIONS,
        cancelled: 1,
      });
      expect(await readTask(site.knex, id)).toMatchObject({
        status: 'cancelled',
        secrets: null,
      });
      const message = expect.stringContaining('closed as cancelled');
      expect((await site.newEvents(id)).slice(1)).toEqual([
        { type: 'log', body: { message, stepId: 'two', status: 'cancelled' } },
        { type: 'completion', body: { message } },
      ]);
    });

    it('queues a task again whose steps had all finished, although its strategy is none', async () => {
      const completed = ['one', 'two', 'three'];
      const id = await site.interrupted('none', { completed });
      expect(await site.createPass().runAtStartup()).toEqual({
        ...NO_DECISIONS,
        finish: 1,
      });
      expect(await readTask(site.knex, id)).toMatchObject({ status: 'open' });
      expect(await site.stepsOf(id)).toEqual(completed);
    });

    it('gives the reason for a strategy that people may not expect', async () => {
      const id = await site.interrupted(undefined);
      await site.remember(id, {
        strategy: 'none',
        source: 'invalid',
        remark: `template:default/sample has spec.recovery.strategy "retry"`,
      });
      await site.createPass().runOnce();
      expect((await site.newEvents(id)).at(-1)!.body.message).toContain(
        `because template:default/sample has spec.recovery.strategy "retry".`,
      );
      expect(site.logger.info).toHaveBeenCalledWith(
        expect.stringContaining('has spec.recovery.strategy "retry"'),
      );
    });

    it('gives each sentence a line of its own in the log of a task, which the page does not wrap', async () => {
      const resumed = await site.interrupted('idempotent');
      const closed = await site.interrupted('none');
      await site.createPass().runOnce();
      const messages = async (id: string) =>
        (await readEvents(site.knex, id)).slice(3).map(e => e.body.message);
      expect((await messages(resumed))[0].split('\n')).toEqual([
        expect.stringMatching(/^Interrupted at step 'two': .*\.$/),
        expect.stringMatching(/ strategy 'idempotent': .*\.$/),
        expect.stringMatching(/^Skipped, .*: one\.$/),
      ]);
      const [line, completion] = await messages(closed);
      expect(line.split('\n')).toHaveLength(3);
      expect(completion).toBe(line.replaceAll('\n', ' '));
    });

    it('names an expired sign-in under the step where the task goes on, and recovers it all the same', async () => {
      const secrets = JSON.stringify({
        __initiatorCredentials: JSON.stringify({
          expiresAt: '2026-01-02T03:04:05.678Z',
          token: 'very-secret',
        }),
      });
      const warning = expect.stringMatching(
        /^Warning: the sign-in .* expired at 2026-01-02 03:04:05 UTC\./,
      );
      for (const [strategy, stepId] of [
        ['idempotent', 'two'],
        ['restart', 'one'],
      ] as const) {
        const id = await site.interrupted(strategy, { secrets });
        await site.createPass().runOnce();
        expect(await site.newEvents(id)).toContainEqual({
          type: 'log',
          body: { stepId, message: warning },
        });
        expect(await listStale(site.knex)).toContain(id);
      }
      expect(site.logger.info).toHaveBeenCalledWith(
        expect.stringContaining(
          'the sign-in expired at 2026-01-02 03:04:05 UTC',
        ),
      );
      expect(JSON.stringify(site.logger.info.mock.calls)).not.toContain(
        'very-secret',
      );
    });

    it('reports invalid dependencies in the log of the task', async () => {
      const id = await site.interrupted('idempotent', {
        steps: ['one', { id: 'two', recovery: { dependsOn: 'oen' } }],
      });
      await site.createPass().runOnce();
      expect((await site.newEvents(id))[0].body.message).toContain(
        `Step 'two' depends on 'oen', which is not a step`,
      );
    });

    it('logs, writes and reports little of a task, however large the ids of its steps are', async () => {
      const large = (id: string) => `${id}${'x'.repeat(100_000)}`;
      const [one, two, three] = ['one', 'two', 'three'].map(large);
      const ids = [];
      for (const dependsOn of [one, three]) {
        const id = await insertTask(site.knex, {
          steps: [one, { id: two, recovery: { dependsOn } }, three],
          completed: [one],
        });
        await insertEvent(site.knex, id, 'log', {
          stepId: two,
          status: 'processing',
        });
        await site.remember(id, { strategy: 'idempotent' });
        ids.push(id);
      }
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        resume: 2,
      });

      const texts = [
        ...site.logger.info.mock.calls.map(([line]) => line),
        ...(await site.knex(ATTEMPTS).pluck('reason')),
        ...site.listener.decided.mock.calls.map(([{ reason }]) => reason),
      ];
      for (const id of ids) {
        const added = (await readEvents(site.knex, id)).slice(1);
        texts.push(...added.map(({ body }) => body.message));
        // The page shows a line under the step that it names.
        expect(added.map(({ body }) => body.stepId)).toEqual([two, one]);
      }
      expect(texts).toHaveLength(10);
      expect(Math.max(...texts.map(text => text.length))).toBeLessThan(2_000);
    });

    it('records what was decided and why', async () => {
      const resumed = await site.interrupted('idempotent', {
        steps: ['zero', 'one', { id: 'two', recovery: { dependsOn: 'one' } }],
        completed: ['zero', 'one'],
      });
      const closed = await site.interrupted('none');
      await site.createPass().runOnce();
      const row = (id: string) =>
        site.knex(ATTEMPTS).where({ task_id: id }).first();
      expect(await row(resumed)).toMatchObject({
        template_ref: 'template:default/sample',
        strategy: 'idempotent',
        strategy_source: 'template',
        reason: (await site.newEvents(resumed))[0].body.message,
        interrupted_at: 'two',
        skipped_steps: '["zero"]',
        steps_again: JSON.stringify([
          { stepId: 'one', because: 'neededBy', neededBy: ['two'] },
        ]),
        outcome: 'waiting',
      });
      expect((await row(resumed)).seconds_silent).toBeGreaterThan(599);
      expect(await row(closed)).toMatchObject({
        decision: 'failed',
        reason: (await site.newEvents(closed))[0].body.message,
        interrupted_at: 'two',
        skipped_steps: '[]',
        steps_again: '[]',
        outcome: 'closed',
      });
    });
  },
);

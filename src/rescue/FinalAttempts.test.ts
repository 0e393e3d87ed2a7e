import { TestDatabases } from '@backstage/backend-test-utils';
import {
  insertEvent,
  readAttempts,
  readLastAttempt,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { ATTEMPTS, STRATEGIES } from '../database/tables';
import { secondsAgo } from '../database/time';
import { NO_DECISIONS, PassSite } from './__testUtils__/PassSite';
import { TASKS } from '../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'FinalAttempts on %s',
  databaseId => {
    const site = new PassSite();

    beforeAll(() => site.open(databases.init(databaseId)));
    beforeEach(() => site.reset());

    /** Two that were interrupted as often. The first one is due for its final attempt, the second one has a higher limit. */
    async function interruptedAsOften(): Promise<[string, string]> {
      const due = await site.interrupted('restart');
      const other = await site.interrupted('restart');
      await site
        .knex(STRATEGIES)
        .where({ task_id: other })
        .update({ max_attempts: 9 });
      for (let i = 0; i < 2; i++) {
        await site.createPass().runOnce();
        await site.interruptAgain(due, other);
      }
      return [due, other];
    }

    it('gives the final attempt to one task at a time, also when replicas decide at once', async () => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) {
        ids.push(await site.interrupted('restart'));
      }
      for (let i = 0; i < 2; i++) {
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          restart: 5,
        });
        await site.interruptAgain(...ids);
      }
      const passes = await Promise.all(
        Array.from({ length: 4 }, () => site.createPass().runOnce()),
      );
      expect(passes.reduce((sum, p) => sum + p.restart, 0)).toBe(1);
      expect(site.logger.info).toHaveBeenCalledWith(
        expect.stringContaining('is interrupted and waits'),
      );
      const finalAttempts = () =>
        site.knex(ATTEMPTS).where('last_chance', true);
      const [{ task_id: first }] = await finalAttempts();
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        later: 4,
      });
      // A step that finishes again is no progress.
      await insertEvent(site.knex, first, 'log', {
        stepId: 'one',
        status: 'completed',
      });
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        later: 4,
      });

      // It made progress, so the next one begins.
      await insertEvent(site.knex, first, 'log', {
        stepId: 'two',
        status: 'completed',
      });
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 1,
        later: 3,
      });
      const [{ task_id: second }] = await finalAttempts().whereNot(
        'task_id',
        first,
      );
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        later: 3,
      });
      // It has ended, so the next one begins.
      await site
        .knex(TASKS)
        .where('id', second)
        .update({ status: 'completed' });
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 1,
        later: 2,
      });
      expect(await finalAttempts()).toHaveLength(3);
      // Its process is gone, long before the task counts as interrupted.
      await site
        .knex(TASKS)
        .whereIn('id', finalAttempts().select('task_id'))
        .where({ status: 'processing' })
        .update({ last_heartbeat_at: secondsAgo(site.knex, 8) });
      await finalAttempts().update({ decided_at: secondsAgo(site.knex, 20) });
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 1,
        later: 1,
      });
    });

    it('keeps others with a higher limit waiting until the task has made progress', async () => {
      const [due] = await interruptedAsOften();
      const waits = { ...NO_DECISIONS, later: 1 };
      expect(await site.createPass().runOnce()).toEqual({
        ...waits,
        restart: 1,
      });
      const complete = (stepId: string) =>
        insertEvent(site.knex, due, 'log', { stepId, status: 'completed' });
      // It had finished before.
      await complete('one');
      expect(await site.createPass().runOnce()).toEqual(waits);
      await complete('two');
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 1,
      });
    });

    it('isolates the final attempt of a task, also beside others with a higher limit', async () => {
      const patient = await site.interrupted(undefined);
      await site.remember(patient, { strategy: 'restart', max_attempts: 5 });
      const id = await site.interrupted('restart');
      for (let i = 0; i < 2; i++) {
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          restart: 2,
        });
        await site.interruptAgain(id, patient);
      }
      const fresh = await site.interrupted('restart');
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 2,
        later: 1,
      });
      for (const [taskId, attempts] of [
        [id, 3],
        [patient, 2],
        [fresh, 1],
      ] as const) {
        expect(await readAttempts(site.knex, taskId)).toHaveLength(attempts);
      }
      await site.knex(TASKS).where({ id }).update({ status: 'completed' });
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 1,
      });
    });

    describe('a task that is due for its final attempt', () => {
      const silentFor = (id: string, seconds: number) =>
        site
          .knex(TASKS)
          .where({ id })
          .update({
            status: 'processing',
            last_heartbeat_at: secondsAgo(site.knex, seconds),
          });

      /** The other one is recovered while the first one still site.runs. */
      async function dueBesideAnother(): Promise<[string, string]> {
        const [due, other] = await interruptedAsOften();
        await silentFor(due, 0);
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          restart: 1,
        });
        expect(await readAttempts(site.knex, other)).toHaveLength(3);
        await silentFor(due, 40);
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          later: 1,
        });
        expect(site.logger.info).toHaveBeenCalledWith(
          expect.stringContaining(`Task ${due} is interrupted and waits`),
        );
        return [due, other];
      }

      it('waits while another poison candidate runs, and until that has ended', async () => {
        const [due, other] = await dueBesideAnother();
        // It is being run.
        await silentFor(other, 0);
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          later: 1,
        });
        await site
          .knex(TASKS)
          .where({ id: other })
          .update({ status: 'completed' });
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          restart: 1,
        });
        expect(await readLastAttempt(site.knex, due)).toMatchObject({
          attempt: 3,
        });
      });

      it('waits for none that has fallen silent', async () => {
        const [, other] = await dueBesideAnother();
        await site
          .knex(ATTEMPTS)
          .where({ task_id: other })
          .update({ decided_at: secondsAgo(site.knex, 60) });
        await silentFor(other, 8);
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          restart: 1,
        });
      });

      it('waits no longer than five minutes for one that runs', async () => {
        const [, other] = await dueBesideAnother();
        await silentFor(other, 0);
        const decidedAgo = (seconds: number) =>
          site
            .knex(ATTEMPTS)
            .where({ task_id: other })
            .update({ decided_at: secondsAgo(site.knex, seconds) });
        await decidedAgo(280);
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          later: 1,
        });
        await decidedAgo(320);
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          restart: 1,
        });
      });

      it('goes before the others of its kind', async () => {
        const [due] = await interruptedAsOften();
        expect(await site.createPass().runOnce()).toEqual({
          ...NO_DECISIONS,
          restart: 1,
          later: 1,
        });
        expect(await readLastAttempt(site.knex, due)).toMatchObject({
          attempt: 3,
        });
      });
    });

    it('logs once for each interruption that a task waits for the final attempt of another one', async () => {
      const [id, patient] = await interruptedAsOften();
      const logged = () =>
        site.logger.info.mock.calls.filter(([line]) =>
          line.includes('is interrupted and waits'),
        );
      const pass = site.createPass();
      await pass.runOnce();
      expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, later: 1 });
      expect(logged()).toHaveLength(1);

      // Another process decides on it once it may, and then it waits anew.
      await site.knex(TASKS).where({ id }).update({ status: 'completed' });
      expect(await site.createPass().runOnce()).toEqual({
        ...NO_DECISIONS,
        restart: 1,
      });
      await site.interruptAgain(patient);
      await site.knex(TASKS).where({ id }).update({ status: 'processing' });
      await site
        .knex(ATTEMPTS)
        .where('last_chance', true)
        .update({ decided_at: site.knex.fn.now() });
      expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, later: 1 });
      expect(await pass.runOnce()).toEqual({ ...NO_DECISIONS, later: 1 });
      expect(logged()).toHaveLength(2);
    });
  },
);

import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  TIMEOUTS,
  idsOf,
  handOver,
  beat,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { lockInterruptedTasks } from './lockInterruptedTasks';
import { rememberStrategy } from '../../../__testUtils__/rememberStrategy';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'lockInterruptedTasks on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      await knex(TASKS).delete();
    });

    const lock = (...taskIds: string[]) =>
      knex.transaction(tx =>
        lockInterruptedTasks(tx, { taskIds, ...TIMEOUTS }),
      );

    it('reads what a decision needs, and no secrets', async () => {
      const id = await insertTask(knex, { silentSeconds: 90 });
      await rememberStrategy(knex, {
        task_id: id,
        strategy: 'none',
        source: 'invalid',
        remark: 'misspelt',
        max_attempts: 5,
      });
      const [row] = await lock(id);
      expect(row).toEqual({
        id,
        spec: expect.stringContaining('"steps"'),
        state: expect.stringContaining('"checkpoints"'),
        created_by: 'user:default/guest',
        created_at: expect.anything(),
        last_heartbeat_at: expect.anything(),
        secrets: 'readable',
        signInExpiredAt: undefined,
        secondsSilent: expect.any(Number),
        interruptedBy: 'silence',
        remembered: {
          strategy: 'none',
          source: 'invalid',
          remark: 'misspelt',
          maxAttempts: 5,
        },
      });
      expect(Math.abs(row.secondsSilent - 90)).toBeLessThan(10);
      expect(JSON.stringify(row)).not.toContain('very-secret');
    });

    it('reads whether the secrets are JSON, and whether they are there', async () => {
      const broken = await insertTask(knex, { secrets: '{"a":' });
      const none = await insertTask(knex, { secrets: null });
      expect(await lock(broken)).toEqual([
        expect.objectContaining({ secrets: 'unreadable' }),
      ]);
      expect(await lock(none)).toEqual([
        expect.objectContaining({
          secrets: 'gone',
          remembered: undefined,
        }),
      ]);
    });

    it('finds nothing if the task beat again, ended, or was handed over since it was listed', async () => {
      const beating = await insertTask(knex);
      const ended = await insertTask(knex);
      const handedOver = await insertTask(knex);
      await beat(knex, beating);
      await knex(TASKS).where({ id: ended }).update({ status: 'completed' });
      await handOver(knex, handedOver);
      const interrupted = await insertTask(knex);
      expect(
        await idsOf(
          lock(beating, ended, interrupted, handedOver, randomUUID()),
        ),
      ).toEqual([interrupted]);
    });

    if (databaseId !== 'SQLITE_3') {
      it('passes over a task that somebody else is deciding on', async () => {
        const id = await insertTask(knex);
        await knex.transaction(async tx => {
          const options = { taskIds: [id], ...TIMEOUTS };
          expect(await lockInterruptedTasks(tx, options)).toHaveLength(1);
          expect(await lock(id)).toEqual([]);
        });
      });
    }
  },
);

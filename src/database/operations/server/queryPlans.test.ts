import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  TIMEOUTS,
  PAGE,
  listInterrupted,
  listHandedOver,
} from '../../../__testUtils__/interruptedTasks';
import {
  insertTask,
  migrateScaffolder,
  newAttempt,
  insertHistory,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { listFinalAttempts } from '../attempts/final/listFinalAttempts';
import { recordAttempts } from '../attempts/recordAttempts';
import { listTasksWithoutStrategy } from '../strategies/listTasksWithoutStrategy';
import { clearUnneededSecrets } from '../tasks/secrets/clearUnneededSecrets';
import { countInFlight } from '../tasks/countInFlight';
import { ATTEMPTS } from '../../tables';
import { isSqlite, secondsAgo } from '../../time';
import { TASKS } from '../../../scaffolder/tables';

jest.setTimeout(60_000);

const { timeoutSeconds } = TIMEOUTS;
const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('query plans on %s', databaseId => {
  let knex: Knex;

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(async () => {
    await knex(TASKS).delete();
  });

  /** How the database goes about the statements that read tasks. */
  const plansOf = async (action: () => Promise<unknown>) => {
    const statements: { sql: string; bindings: any }[] = [];
    const onQuery = (query: any) => statements.push(query);
    knex.on('query', onQuery);
    await action();
    knex.off('query', onQuery);
    const how = isSqlite(knex) ? 'explain query plan' : 'explain';
    const plans: string[] = [];
    for (const { sql, bindings } of statements) {
      if (/(from|update) [`"]tasks/.test(sql)) {
        const plan = await knex.raw(
          `${how} ${sql.replace(/\$\d+/g, '?')}`,
          bindings,
        );
        plans.push(JSON.stringify(plan.rows ?? plan));
      }
    }
    return plans;
  };

  it('finds tasks in flight by an index, however long the history is', async () => {
    await insertHistory(knex, 5_000);
    await knex.transaction(async tx => {
      const ended = await tx(TASKS).pluck('id');
      const attempts = ended.map(taskId => newAttempt({ taskId }));
      await recordAttempts(tx, attempts);
      await tx(ATTEMPTS).update({ decided_at: secondsAgo(tx, 86_400) });
    });
    await insertTask(knex);
    await knex.raw('analyze');
    for (const action of [
      () => countInFlight(knex, { timeoutSeconds, waitingSeconds: 15 }),
      () => listInterrupted(knex),
      () => listHandedOver(knex),
      () => listTasksWithoutStrategy(knex, PAGE),
      () => clearUnneededSecrets(knex, timeoutSeconds),
    ]) {
      const plans = await plansOf(action);
      expect(plans.join()).toContain('scaffolder_recovery_in_flight_idx');
    }
    const [plan] = await plansOf(() =>
      listFinalAttempts(knex as Knex.Transaction, {
        seconds: 30,
        silentSeconds: 5,
      }),
    );
    // From the tasks in flight or from the last decisions, of which there are few as well.
    expect(plan).toMatch(
      /scaffolder_recovery_(in_flight|attempts_decided)_idx/,
    );
  });

  it('finds the last decision on a task by its key, however many were made since PostgreSQL last looked', async () => {
    await knex.raw('analyze');
    const id = await insertTask(knex);
    const { id: _, ...task } = await knex(TASKS).where({ id }).first();
    for (let i = 0; i < 5; i++) {
      const rows = Array.from({ length: 400 }, () => ({
        ...task,
        id: randomUUID(),
      }));
      await knex.batchInsert(TASKS, rows, 80);
      await knex.transaction(tx =>
        recordAttempts(
          tx,
          rows.map(row => newAttempt({ taskId: row.id })),
        ),
      );
    }
    const [plan] = await plansOf(() => listInterrupted(knex));
    expect(plan).toContain(
      isSqlite(knex)
        ? 'autoindex_scaffolder_recovery_attempts'
        : 'scaffolder_recovery_attempts_pkey',
    );
    expect(plan).not.toContain('decided_idx');
  });
});

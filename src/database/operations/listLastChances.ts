import { Knex } from 'knex';
import { ATTEMPTS, TASKS } from '../tables';
import { isSqlite } from '../time';
import { AtIt, tasksAtIt } from './atIt';

/** Any number that no other advisory lock in the scaffolder's database has. */
const LAST_CHANCE_LOCK = 7_201_512;

/** A task that has its last chance. */
export type LastChanceRow = {
  taskId: string;
  /** How many of its steps had finished by then. */
  finishedSteps: number;
};

/** The tasks that got their last chance and are still at it. Nobody else can ask this until the transaction ends. */
export async function listLastChances(
  tx: Knex.Transaction,
  atIt: AtIt,
): Promise<LastChanceRow[]> {
  if (!isSqlite(tx)) {
    await tx.raw('select pg_advisory_xact_lock(?)', LAST_CHANCE_LOCK);
  }
  return tasksAtIt(tx, atIt)
    .where(`${ATTEMPTS}.last_chance`, true)
    .select({
      taskId: `${TASKS}.id`,
      finishedSteps: `${ATTEMPTS}.finished_steps`,
    });
}

import { Knex } from 'knex';
import {
  NewStrategy,
  rememberStrategies,
} from '../database/operations/strategies/rememberStrategies';

/** As `rememberStrategies`, for one task. */
export async function rememberStrategy(
  knex: Knex,
  row: NewStrategy,
): Promise<void> {
  await rememberStrategies(knex, [row]);
}

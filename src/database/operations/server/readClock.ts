import { Knex } from 'knex';
import { epochSeconds } from '../../time';

/** What time it is by the clock of the database, which all moments in it are from. */
export async function readClock(knex: Knex): Promise<Date> {
  const row = await knex.select({ now: epochSeconds(knex) }).first();
  return new Date(row!.now * 1000);
}

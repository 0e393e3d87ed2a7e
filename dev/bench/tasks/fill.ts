import { Knex } from 'knex';
import { STRATEGIES } from '../../../src/database/tables';
import { TASK_EVENTS, TASKS } from '../../../src/scaffolder/tables';
import { FILLER, interruptedTask, NAME, smallSpec } from './sampleTask';

/*
 * All rows are made on the server: 300,000 of them would take minutes to send.
 */

/** Adds tasks that have ended, one a minute up to now. */
export async function fillFinished(knex: Knex, count: number): Promise<void> {
  await knex.raw(
    `insert into ${TASKS} (id, spec, status, created_by, created_at, last_heartbeat_at)
     select gen_random_uuid(), replace(?, ?, 'service-' || n), 'completed', 'user:default/guest',
       now() - make_interval(mins => n), now() - make_interval(mins => n)
     from generate_series(1, ?::int) n`,
    [smallSpec(2048), NAME, count],
  );
}

/** Adds tasks that run now. */
export async function fillRunning(knex: Knex, count: number): Promise<void> {
  await knex.raw(
    `insert into ${TASKS} (id, spec, status, created_by, secrets, last_heartbeat_at)
     select gen_random_uuid(), replace(?, ?, 'running-' || n), 'processing', 'user:default/guest', ?, now()
     from generate_series(1, ?::int) n`,
    [smallSpec(2048), NAME, interruptedTask.secrets, count],
  );
}

/**
 * Adds tasks that were started one after another, and that a restart ten minutes ago interrupted in the middle.
 *
 * @param options.specBytes - how large the specs are made, with a parameter that hardly compresses
 */
export async function fillInterrupted(
  knex: Knex,
  options: { count: number; specBytes?: number },
): Promise<void> {
  const { spec, state, secrets, logEvents } = interruptedTask;
  const { count, specBytes = 0 } = options;
  const fillerBytes = Math.max(0, specBytes - spec.length);
  await knex.raw(
    `with filler as materialized (
       select string_agg(md5(n::text), '') as text from generate_series(1, ?::int) n
     )
     insert into ${TASKS} (id, spec, state, secrets, status, created_by, created_at, last_heartbeat_at)
     select gen_random_uuid(),
       replace(replace(?, ?, 'service-' || n), ?, substr(filler.text, 1 + n % 10000, ?)),
       replace(?, ?, 'service-' || n), ?, 'processing',
       'user:default/guest', now() - interval '20 minutes' + make_interval(secs => n / 1000.0),
       now() - interval '10 minutes'
     from filler, generate_series(1, ?::int) n`,
    [
      Math.ceil((fillerBytes + 10_000) / 32),
      spec,
      NAME,
      FILLER,
      fillerBytes,
      state,
      NAME,
      secrets,
      count,
    ],
  );
  // All of them ran at the same time, so their events lie mixed in the table.
  await knex.raw(
    `insert into ${TASK_EVENTS} (task_id, body, event_type, created_at)
     select ${TASKS}.id, event.body, 'log', now() - interval '15 minutes'
     from unnest(?::text[]) with ordinality as event (body, position), ${TASKS}
     where ${TASKS}.status = 'processing'
     order by event.position`,
    [logEvents],
  );
}

/** Has the strategies of all tasks in flight remembered, as they are once a task was dispatched. */
export async function fillStrategies(knex: Knex): Promise<void> {
  await knex.raw(
    `insert into ${STRATEGIES} (task_id, strategy, source)
     select id, 'idempotent', 'template' from ${TASKS} where status = 'processing'`,
  );
}

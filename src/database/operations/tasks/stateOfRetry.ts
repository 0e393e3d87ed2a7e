import { Knex } from 'knex';
import { isSqlite } from '../../time';

/** What a task is to be started again with, if its state is still that which the plan was made from. */
type PlannedState = { from: string | null; to: string | null };

/**
 * A value for the column `state` in the statement that starts a task again: what was planned unless it has completed, or else the state
 * without the records of steps, so that all steps run. Checkpoints stay in both.
 */
export function stateOfRetry(knex: Knex, planned?: PlannedState): Knex.Raw {
  const withoutSteps = stateWithoutSteps(knex);
  if (!planned) {
    return withoutSteps;
  }
  return knex.raw(
    isSqlite(knex)
      ? `case when status <> 'completed' and state is ? then ? else ? end`
      : `case when status <> 'completed' and state is not distinct from ?::text then ?::text else ? end`,
    [planned.from, planned.to, withoutSteps] as Knex.Value[],
  );
}

/**
 * On PostgreSQL, `json` keeps what it holds as it was written, but refuses to read into a text with an escaped character 0 or half a
 * character, as outputs and checkpoints can have. So those escapes are made others meanwhile, which `JSON.stringify` never writes.
 */
function stateWithoutSteps(knex: Knex): Knex.Raw {
  return isSqlite(knex)
    ? knex.raw(
        `case when state is null then null else json_set(state, '$.state.steps', json('{}')) end`,
      )
    : knex.raw(
        `case when state is null then null else replace(json_build_object('state', json_build_object(
          'checkpoints', coalesce(regexp_replace(state, ?, ?, 'g')::json #> '{state,checkpoints}', '{}'::json), 'steps', '{}'::json
        ))::text, ?, ?) end`,
        [
          String.raw`\\u(0000|d[89a-f])`,
          String.raw`\\uf8ff\\ue0ff\1`,
          String.raw`\uf8ff\ue0ff`,
          String.raw`\u`,
        ],
      );
}

// @ts-check

const INDEX = 'scaffolder_recovery_in_flight_idx';
const COLUMNS = `tasks (created_at, id) where status in ('open', 'processing')`;

/**
 * An index for the few tasks in flight among years of history: the scaffolder gives its table none. It is keyed on their age, the
 * order in which they are recovered. Heartbeats do not change that, so that on PostgreSQL they stay heap-only updates.
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  if (knex.client.config.client !== 'pg') {
    await knex.raw(`create index if not exists ${INDEX} on ${COLUMNS}`);
    return;
  }
  await onOneConnection(knex, async run => {
    // What a process left that died while making it is not valid, and is made anew.
    await run(`drop index concurrently if exists ${INDEX}`);
    await run(`create index concurrently ${INDEX} on ${COLUMNS}`);
  });
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  if (knex.client.config.client !== 'pg') {
    await knex.raw(`drop index if exists ${INDEX}`);
    return;
  }
  await onOneConnection(knex, run =>
    run(`drop index concurrently if exists ${INDEX}`),
  );
};

// PostgreSQL makes no index concurrently, that is without blocking writers, within a transaction.
exports.config = { transaction: false };

/**
 * Runs statements that give up after a while: an index that is made concurrently waits for all older transactions, such as
 * that of a backup, and the backend waits for the index. The migration is tried again later.
 *
 * @param {import('knex').Knex} knex
 * @param {(action: (sql: string) => Promise<unknown>) => Promise<unknown>} action
 */
async function onOneConnection(knex, action) {
  const connection = await knex.client.acquireConnection();
  const run = async (/** @type {string} */ sql) =>
    knex.raw(sql).connection(connection);
  try {
    await run(`set lock_timeout = '5s'`);
    await action(run);
  } finally {
    await run('reset lock_timeout').catch(() => {});
    await knex.client.releaseConnection(connection);
  }
}

// @ts-check

/**
 * Which process runs which task, and how it can be known that a process is dead (`src/liveness/processes`).
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.alterTable('scaffolder_recovery_shutdowns', table => {
    table
      .text('cause')
      .notNullable()
      .defaultTo('shutdown')
      .comment(
        'shutdown, or connection if the run ended since its process lost a connection to the database',
      );
    table
      .text('problem')
      .nullable()
      .comment('Of connection: what the database said');
  });

  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table
      .text('interrupted_by')
      .nullable()
      .comment(
        'silence, shutdown, crash or connection. Null for a retry, and in rows of earlier releases',
      );
    table
      .text('known_by')
      .nullable()
      .comment(
        'Of crash: lock if the lock of its process was free, pid if its process was gone',
      );
  });

  await knex.schema.createTable('scaffolder_recovery_processes', table => {
    table.comment('The processes that run tasks, one row each');
    table
      .integer('number')
      .primary()
      .comment(
        'Random, from 1. On PostgreSQL the second key of the advisory lock that the process holds',
      );
    table
      .text('host')
      .notNullable()
      .comment(
        'The name of the host and, on Linux, the id of its boot. A process id means something on the same host only',
      );
    table.integer('pid').notNullable().comment('The process id on that host');
    table
      .text('started')
      .nullable()
      .comment(
        'When the process started, as its operating system reports it, since process ids are used again. Null where that is not known',
      );
    table
      .boolean('holds_lock')
      .notNullable()
      .defaultTo(false)
      .comment(
        'Whether the process holds its advisory lock for as long as it lives. If so and the lock is not held, it is dead',
      );
    table
      .dateTime('begun_at')
      .notNullable()
      .defaultTo(knex.fn.now())
      .comment('When the row was made, by the clock of the database');
  });

  // Last: its foreign key locks `tasks`, and nothing must be waited for while that is locked.
  await knex.schema.createTable('scaffolder_recovery_claims', table => {
    table.comment('The process that claimed each task in flight');
    const column = table.uuid('task_id').primary();
    column.comment('The task that was claimed');
    column.references('id').inTable('tasks').onDelete('CASCADE');
    table
      .integer('process')
      .notNullable()
      .comment('The number of the process that claimed it');
    table
      .bigInteger('recovered_event')
      .notNullable()
      .comment(
        'The last recovered event of the task before that run, 0 if there was none. A later one means that another run has begun since',
      );
  });
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table.dropColumns('interrupted_by', 'known_by');
  });
  await knex.schema.alterTable('scaffolder_recovery_shutdowns', table => {
    table.dropColumns('cause', 'problem');
  });
  for (const table of ['claims', 'processes']) {
    await knex.schema.dropTable(`scaffolder_recovery_${table}`);
  }
};

// @ts-check

/**
 * What the module keeps for itself. All tables hang on the scaffolder's `tasks`, so that a row goes when its task goes.
 *
 * One transaction, so that a process which is killed in it leaves nothing behind, knex's lock included. The index on `tasks`,
 * which PostgreSQL does not make within a transaction, is made apart (`src/database/operations/ensureInFlightIndex.ts`).
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.createTable('scaffolder_recovery_strategies', table => {
    table.comment(
      'The recovery strategy of each task in flight, so that a restart can decide without the catalog',
    );
    taskId(table).primary().comment('The task that the strategy is for');
    table.text('strategy').notNullable().comment('none, restart or idempotent');
    table
      .text('source')
      .notNullable()
      .comment(
        'Where the strategy came from: template, legacy, default, invalid or gone',
      );
    table
      .text('remark')
      .nullable()
      .comment(
        'What people should know about the source, such as what a misspelt strategy said',
      );
    table
      .integer('max_attempts')
      .nullable()
      .comment(
        'How often the template lets a task be recovered in a row without progress, if it says so',
      );
  });

  await knex.schema.createTable('scaffolder_recovery_attempts', table => {
    table.comment(
      'One row for each decision on a task that is to run again or was closed',
    );
    taskId(table).comment('The task that was decided on');
    table
      .integer('attempt')
      .notNullable()
      .comment('Counts the decisions on this task, from 1');
    table
      .text('trigger')
      .notNullable()
      .defaultTo('interruption')
      .comment(
        'Why it was decided on: interruption, or retry if somebody started it again after it had ended',
      );
    table
      .text('decision')
      .notNullable()
      .comment(
        'What was decided: failed, cancelled, finish, restart or resume',
      );
    table
      .text('template_ref')
      .nullable()
      .comment('The template of the task, as far as its spec tells');
    table
      .text('strategy')
      .nullable()
      .comment(
        'The strategy it was decided by, unless it could not be told and did not matter',
      );
    table
      .text('strategy_source')
      .nullable()
      .comment(
        'Where the strategy came from: template, legacy, default, invalid or gone',
      );
    table
      .text('reason')
      .nullable()
      .comment('What the log of the task says about the decision');
    table
      .text('interrupted_at')
      .nullable()
      .comment('The id of the step that the task was interrupted at');
    table
      .text('skipped_steps')
      .nullable()
      .comment('JSON: the ids of the finished steps that do not run again');
    table
      .text('steps_again')
      .nullable()
      .comment('JSON: the finished steps that run again, and why');
    table
      .double('seconds_silent')
      .nullable()
      .comment('For how long nothing had been heard of the task');
    table
      .boolean('planned')
      .notNullable()
      .defaultTo(false)
      .comment('Whether the task was interrupted by a shutdown of its backend');
    table
      .integer('spent')
      .notNullable()
      .defaultTo(0)
      .comment(
        'How many recoveries in a row brought the task no progress, this one included. 0 once a run of it has ended by itself',
      );
    table
      .integer('finished_steps')
      .notNullable()
      .defaultTo(0)
      .comment('How many of its steps had ever finished by then');
    table
      .boolean('last_chance')
      .notNullable()
      .defaultTo(false)
      .comment(
        'Whether it is the last recovery that the limit allows, which is given to one task at a time',
      );
    table
      .text('outcome')
      .notNullable()
      .defaultTo('waiting')
      .comment(
        'waiting and running until it is known what came of it; then completed, failed, cancelled, interrupted, withdrawn, or closed if nothing was to run',
      );
    table
      .dateTime('decided_at')
      .notNullable()
      .defaultTo(knex.fn.now())
      .comment(
        'When, by the clock of the database. A heartbeat that is younger means that the task was claimed since',
      );
    table
      .dateTime('claimed_at')
      .nullable()
      .comment('When a worker claimed the task for its further run');
    table
      .dateTime('resumed_at')
      .nullable()
      .comment('When the first step of the further run began');
    table.dateTime('ended_at').nullable().comment('When the further run ended');
    // A second replica that decides on the same interruption fails here if all else should fail.
    table.primary(['task_id', 'attempt']);
    table.index(
      ['decided_at', 'task_id', 'attempt'],
      'scaffolder_recovery_attempts_decided_idx',
    );
  });
  // What came of it is asked for every few seconds, of those few of which it is not known.
  await knex.raw(
    `create index scaffolder_recovery_attempts_outcome_idx on scaffolder_recovery_attempts (task_id)
     where outcome in ('waiting', 'running')`,
  );

  await knex.schema.createTable('scaffolder_recovery_shutdowns', table => {
    table.comment(
      'Tasks whose backend was asked to end while it ran them. They count as interrupted after a few seconds of silence',
    );
    taskId(table).primary().comment('The task that was running');
    table
      .bigInteger('recovered_event')
      .notNullable()
      .comment(
        'The last recovered event of the task before that run, 0 if there was none. A later one means that another run has begun since',
      );
  });

  await knex.schema.createTable('scaffolder_recovery_wakeups', table => {
    table.comment(
      'Open tasks that nobody claimed, and that were handed over to wake a worker',
    );
    taskId(table).primary().comment('The task that was handed over');
    table
      .dateTime('woken_at')
      .notNullable()
      .comment('When, by the clock of the database');
  });
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  for (const table of ['wakeups', 'shutdowns', 'attempts', 'strategies']) {
    await knex.schema.dropTable(`scaffolder_recovery_${table}`);
  }
  await knex.raw('drop index if exists scaffolder_recovery_in_flight_idx');
};

/**
 * @param {import('knex').Knex.CreateTableBuilder} table
 */
function taskId(table) {
  const column = table.uuid('task_id').notNullable();
  column.references('id').inTable('tasks').onDelete('CASCADE');
  return column;
}

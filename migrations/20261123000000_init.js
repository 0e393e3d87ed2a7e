// @ts-check

/**
 * What the module keeps for itself. Both tables hang on the scaffolder's `tasks`, so a row goes when its task goes.
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.createTable('scaffolder_recovery_strategies', table => {
    table.comment(
      'The recovery strategy of each task in flight, so that a restart can decide without the catalog',
    );
    table
      .uuid('task_id')
      .primary()
      .notNullable()
      .references('id')
      .inTable('tasks')
      .onDelete('CASCADE')
      .comment('The task that the strategy is for');
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
  });

  await knex.schema.createTable('scaffolder_recovery_attempts', table => {
    table.comment('One row for each decision on an interrupted task');
    table
      .uuid('task_id')
      .notNullable()
      .references('id')
      .inTable('tasks')
      .onDelete('CASCADE')
      .comment('The task that was decided on');
    table
      .integer('attempt')
      .notNullable()
      .comment('Counts the decisions on this task, from 1');
    table
      .text('decision')
      .notNullable()
      .comment(
        'What was decided: failed, cancelled, finish, restart or resume',
      );
    table
      .text('strategy')
      .nullable()
      .comment(
        'The strategy it was decided by, unless it could not be told and did not matter',
      );
    table
      .dateTime('decided_at')
      .notNullable()
      .defaultTo(knex.fn.now())
      .comment(
        'When, by the clock of the database. A heartbeat that is younger means that the task was claimed since',
      );
    // A second replica that decides on the same interruption fails here if all else should fail.
    table.primary(['task_id', 'attempt']);
  });
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  await knex.schema.dropTable('scaffolder_recovery_attempts');
  await knex.schema.dropTable('scaffolder_recovery_strategies');
};

// @ts-check

/**
 * What it takes to count the attempts of a task, and to tell planned interruptions from others.
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.alterTable('scaffolder_recovery_strategies', table => {
    table
      .integer('max_attempts')
      .nullable()
      .comment(
        'How often the template lets a task be recovered in a row without getting any further, if it says so',
      );
  });

  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
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
        'How many recoveries in a row got the task no further, this one included. 0 once a run of it has ended by itself',
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
  });

  await knex.schema.createTable('scaffolder_recovery_shutdowns', table => {
    table.comment(
      'Tasks whose backend was asked to end while it ran them. They count as interrupted after a few seconds of silence',
    );
    table
      .uuid('task_id')
      .primary()
      .notNullable()
      .references('id')
      .inTable('tasks')
      .onDelete('CASCADE')
      .comment('The task that was running');
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
  await knex.schema.dropTable('scaffolder_recovery_shutdowns');
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table.dropColumns('planned', 'spent', 'finished_steps', 'last_chance');
  });
  await knex.schema.alterTable('scaffolder_recovery_strategies', table => {
    table.dropColumn('max_attempts');
  });
};

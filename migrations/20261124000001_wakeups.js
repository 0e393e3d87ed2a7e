// @ts-check

/**
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.createTable('scaffolder_recovery_wakeups', table => {
    table.comment(
      'Open tasks that nobody claimed, and that were handed over to wake a worker',
    );
    table
      .uuid('task_id')
      .primary()
      .notNullable()
      .references('id')
      .inTable('tasks')
      .onDelete('CASCADE')
      .comment('The task that was handed over');
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
  await knex.schema.dropTable('scaffolder_recovery_wakeups');
};

// @ts-check

/**
 * Stores for the content of workspaces other than the database (`src/workspace/stores`).
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.alterTable('scaffolder_recovery_snapshots', table => {
    table
      .text('needs')
      .nullable()
      .comment(
        'JSON: the stores and keys that the content is read with, by their ids. Null: the database, and no key',
      );
    table
      .text('packs')
      .nullable()
      .comment(
        'JSON, of files: the ids of the packs that this snapshot added. Null in rows of earlier releases',
      );
  });

  // Without a reference to `tasks`: what a store has of a task is still there when the task is deleted.
  await knex.schema.createTable('scaffolder_recovery_stored', table => {
    table.comment(
      'Which stores beside the database may have something of which tasks',
    );
    table.uuid('task_id').notNullable();
    table.text('store').notNullable().comment('The id of the store');
    table
      .dateTime('emptied_at')
      .nullable()
      .comment(
        'When all that was there was last deleted, by the clock of the database. If nothing is there some minutes later, the row is deleted',
      );
    table.primary(['task_id', 'store']);
  });
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  await knex.schema.dropTable('scaffolder_recovery_stored');
  await knex.schema.alterTable('scaffolder_recovery_snapshots', table => {
    table.dropColumns('needs', 'packs');
  });
};

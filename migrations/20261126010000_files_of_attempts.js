// @ts-check

/**
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table
      .text('files')
      .nullable()
      .comment(
        'JSON: the files that the further run begins with, unless no snapshots are kept',
      );
  });
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table.dropColumn('files');
  });
};

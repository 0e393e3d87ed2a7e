// @ts-check

/**
 * Snapshots of the workspaces of tasks (`src/workspace`). All tables reference the scaffolder's `tasks`, so that nothing is left of a
 * task that is deleted.
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.createTable('scaffolder_recovery_snapshots', table => {
    table.comment(
      'One row for each time that a run of a task began or that its workspace was looked at',
    );
    taskId(table).comment('The task that the workspace belongs to');
    table
      .integer('number')
      .notNullable()
      .comment('Counts the rows of this task, from 1');
    table
      .text('kind')
      .notNullable()
      .comment('begin: a run began. files: something ran in the workspace');
    table
      .integer('epoch')
      .notNullable()
      .comment(
        'Counts the runs of this task, from 1. Only the newest may add rows',
      );
    table
      .integer('base')
      .nullable()
      .comment(
        'Of begin: the number of the snapshot that was restored, null if the run began empty. Of files: the number of the row before it in the run',
      );
    table
      .bigInteger('last_event')
      .notNullable()
      .comment('The newest id in task_events of this task by then, or 0');
    table
      .integer('attempt')
      .nullable()
      .comment('Of begin: the attempt that the run belongs to');
    table
      .boolean('changed')
      .nullable()
      .comment(
        'Of files: whether any file differs from the row before it. Times do not count. Null where it is not known',
      );
    table
      .text('missing')
      .nullable()
      .comment(
        'Why the content could not be stored. Such a row cannot be restored',
      );
    table
      .integer('files')
      .notNullable()
      .comment('Files and links in the workspace');
    table
      .bigInteger('bytes')
      .notNullable()
      .comment('Bytes of the files in the workspace');
    table
      .bigInteger('stored_bytes')
      .notNullable()
      .comment('Bytes that this snapshot added to the store');
    table.dateTime('created_at').notNullable().defaultTo(knex.fn.now());
    // Of two replicas that add a row to one task at once, the second one fails here and looks again.
    table.primary(['task_id', 'number']);
  });

  await knex.schema.createTable('scaffolder_recovery_manifests', table => {
    table.comment(
      'The files of each snapshot, or what differs from the snapshot that it is based on',
    );
    taskId(table);
    table.integer('number').notNullable().comment('The number of the snapshot');
    table.integer('part').notNullable().comment('From 0');
    table.binary('content').notNullable().comment('At most 1 MB');
    table.primary(['task_id', 'number', 'part']);
  });

  await knex.schema.createTable('scaffolder_recovery_packs', table => {
    table.comment('The content of files, compressed');
    taskId(table);
    table.uuid('pack').notNullable();
    table.binary('content').notNullable().comment('About 1 MB');
    table.primary(['task_id', 'pack']);
  });

  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table
      .text('files')
      .nullable()
      .comment(
        'JSON: the files that the further run begins with, unless no snapshots are kept',
      );
  });

  if (knex.client.config.client === 'pg') {
    // It is compressed already. PostgreSQL would try again, and take longer for it than for all the rest.
    for (const table of ['manifests', 'packs']) {
      await knex.raw(
        `alter table scaffolder_recovery_${table} alter column content set storage external`,
      );
    }
  }
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table.dropColumn('files');
  });
  for (const table of ['packs', 'manifests', 'snapshots']) {
    await knex.schema.dropTable(`scaffolder_recovery_${table}`);
  }
};

/**
 * @param {import('knex').Knex.CreateTableBuilder} table
 */
function taskId(table) {
  const column = table.uuid('task_id').notNullable();
  column.references('id').inTable('tasks').onDelete('CASCADE');
  return column;
}

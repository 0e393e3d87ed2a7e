// @ts-check

const COLUMNS = [
  'template_ref',
  'strategy_source',
  'reason',
  'interrupted_at',
  'skipped_steps',
  'steps_again',
  'seconds_silent',
  'outcome',
  'claimed_at',
  'resumed_at',
  'ended_at',
];

/**
 * What people want to know of a decision afterwards: why it was made, and what came of it.
 *
 * @param {import('knex').Knex} knex
 */
exports.up = async function up(knex) {
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table
      .text('template_ref')
      .nullable()
      .comment('The template of the task, as far as its spec tells');
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
      .text('outcome')
      .notNullable()
      .defaultTo('waiting')
      .comment(
        'waiting and running until it is known what came of it; then completed, failed, cancelled, interrupted, withdrawn, or closed if nothing was to run',
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
    table.index(
      ['decided_at', 'task_id', 'attempt'],
      'scaffolder_recovery_attempts_decided_idx',
    );
  });
  await knex('scaffolder_recovery_attempts')
    .whereIn('decision', ['failed', 'cancelled'])
    .update({ outcome: 'closed' });
  await knex('scaffolder_recovery_attempts as earlier')
    .where('outcome', 'waiting')
    .whereExists(
      knex('scaffolder_recovery_attempts as later')
        .select(knex.raw('1'))
        .whereRaw(
          'later.task_id = earlier.task_id and later.attempt > earlier.attempt',
        ),
    )
    .update({ outcome: 'interrupted' });
  // What came of it is asked for every few seconds, of those few of which it is not known.
  await knex.raw(
    `create index scaffolder_recovery_attempts_outcome_idx on scaffolder_recovery_attempts (task_id)
     where outcome in ('waiting', 'running')`,
  );
};

/**
 * @param {import('knex').Knex} knex
 */
exports.down = async function down(knex) {
  await knex.raw(`drop index scaffolder_recovery_attempts_outcome_idx`);
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table.dropIndex(
      ['decided_at', 'task_id', 'attempt'],
      'scaffolder_recovery_attempts_decided_idx',
    );
  });
  await knex.schema.alterTable('scaffolder_recovery_attempts', table => {
    table.dropColumns(...COLUMNS);
  });
};

import { Knex } from 'knex';
import { TASK_EVENTS, TASKS } from '../../../scaffolder/tables';

/** How a task was last re-queued, as far as the scaffolder's own tables tell. */
export type LastRecoveryRow = {
  state: string | null;
  /** The body of its last `recovered` event, as JSON. Null if it never was re-queued. */
  recovered: string | null;
};

/** Reads how a task was last re-queued, without the module's tables. Nothing if there is no such task. */
export async function readLastRecovery(
  knex: Knex,
  taskId: string,
): Promise<LastRecoveryRow | undefined> {
  return knex(TASKS)
    .where('id', taskId)
    .first({
      state: 'state',
      recovered: knex(TASK_EVENTS)
        .select('body')
        .where({ task_id: taskId, event_type: 'recovered' })
        .orderBy('id', 'desc')
        .limit(1),
    });
}

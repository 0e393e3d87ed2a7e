import { BatchErrors } from './BatchErrors';
import { safeError } from '../../../util/safeError';

/**
 * Does something with a batch of tasks at once, in one transaction, say, and if that fails with each of them alone: one bad
 * task must not strand the others.
 *
 * @param options.isToGoOn - asked before the batch, and before each of them; what failed may have been the database
 * @param options.onError - called for those that fail alone
 * @param options.batchErrors - gets the error of the batch, unless a task that fails alone reports the same
 */
export async function batchOrEach(
  taskIds: string[],
  action: (taskIds: string[]) => Promise<void>,
  options: {
    isToGoOn: () => boolean;
    onError: (taskId: string, error: Error) => void;
    batchErrors: BatchErrors;
  },
): Promise<void> {
  let batchError: Error | undefined;
  if (taskIds.length > 1 && options.isToGoOn()) {
    try {
      await action(taskIds);
      return;
    } catch (error) {
      batchError = safeError(error);
    }
  }
  try {
    for (const taskId of taskIds) {
      if (!options.isToGoOn()) {
        return;
      }
      try {
        await action([taskId]);
      } catch (error) {
        const alone = safeError(error);
        if (alone.message === batchError?.message) {
          batchError = undefined;
        }
        options.onError(taskId, alone);
      }
    }
  } finally {
    if (batchError) {
      options.batchErrors.report(batchError, taskIds.length);
    }
  }
}

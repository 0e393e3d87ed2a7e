import { safeError } from './safeError';

/**
 * Does something with a batch of tasks at once, in one transaction, and if that fails with each of them alone: one bad
 * task must not strand the others.
 *
 * @param options.isToGoOn - asked before each of them; what failed may have been the database
 * @param options.onError - told of those that fail alone
 */
export async function batchOrEach(
  taskIds: string[],
  action: (taskIds: string[]) => Promise<void>,
  options: {
    isToGoOn: () => boolean;
    onError: (taskId: string, error: Error) => void;
  },
): Promise<void> {
  if (taskIds.length > 1) {
    try {
      await action(taskIds);
      return;
    } catch {
      // Said below, of those that it comes from.
    }
  }
  for (const taskId of taskIds) {
    if (!options.isToGoOn()) {
      return;
    }
    try {
      await action([taskId]);
    } catch (error) {
      options.onError(taskId, safeError(error));
    }
  }
}

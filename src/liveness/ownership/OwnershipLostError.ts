/** What the statements of a run fail with once it has lost ownership of its task. */
export class OwnershipLostError extends Error {
  constructor(taskId: string) {
    super(
      `This run of task ${taskId} has lost ownership of it: the task was reclaimed by another attempt, or closed, while this run went on; it stores nothing more`,
    );
    this.name = 'OwnershipLostError';
  }
}

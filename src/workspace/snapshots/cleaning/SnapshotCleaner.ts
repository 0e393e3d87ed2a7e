import { SchedulerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { listUnneededSnapshots } from '../../../database/operations/snapshots/ended/listUnneededSnapshots';
import { Snapshots } from '../Snapshots';

const FREQUENCY = { minutes: 5 };

/**
 * Deletes the snapshots of tasks that need none any more. Those of a completed task are deleted when it ends; this is for what a process
 * left that was killed then, and for tasks that nobody retried. Of a task that is deleted, the database deletes them with it.
 */
export class SnapshotCleaner {
  constructor(
    private readonly options: {
      knex: Knex;
      snapshots: Pick<Snapshots, 'forget'>;
      /** What is done after that. */
      cleaners: { clean(): Promise<void> }[];
      keepSeconds: number;
    },
  ) {}

  /** One process of the cluster does it at a time. */
  async schedule(scheduler: SchedulerService): Promise<void> {
    await scheduler.scheduleTask({
      id: 'scaffolder-recovery:delete-snapshots',
      scope: 'global',
      frequency: FREQUENCY,
      timeout: FREQUENCY,
      fn: () => this.clean(),
    });
  }

  /** @throws what the database says if it does not answer. */
  async clean(): Promise<void> {
    const { knex, snapshots, cleaners, keepSeconds } = this.options;
    const unneeded = await listUnneededSnapshots(knex, { keepSeconds });
    // Another store can be slow, and what the database has need not wait for it.
    await snapshots.forget(unneeded, { ifEnded: true, leaveStores: true });
    for (const cleaner of cleaners) {
      await cleaner.clean();
    }
  }
}

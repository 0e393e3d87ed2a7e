import { Knex } from 'knex';
import { markShutdown } from '../../database/operations/runs/markShutdown';
import { OwnedRuns } from './OwnedRuns';

/** Records that the runs of this process are about to be interrupted on purpose, so that nobody waits out the timeout for them. */
export async function markOwnedRuns(options: {
  knex: Knex;
  runs: Pick<OwnedRuns, 'begun' | 'fencingTokens'>;
}): Promise<void> {
  const { knex, runs } = options;
  const taskIds = runs.begun();
  if (taskIds.length > 0) {
    await markShutdown(knex, await runs.fencingTokens(taskIds));
  }
}

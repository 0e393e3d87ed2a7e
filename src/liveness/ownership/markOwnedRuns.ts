import { Knex } from 'knex';
import { markInterrupted } from '../../database/operations/runs/markInterrupted';
import { OwnedRuns } from './OwnedRuns';

/** Records that the runs of this process are about to be interrupted on purpose, so that nobody waits out the timeout for them. */
export async function markOwnedRuns(options: {
  knex: Knex;
  runs: Pick<OwnedRuns, 'begun' | 'fencingTokens'>;
}): Promise<void> {
  const { knex, runs } = options;
  const taskIds = runs.begun();
  if (taskIds.length > 0) {
    const tokens = await runs.fencingTokens(taskIds);
    await markInterrupted(knex, tokens, { cause: 'shutdown' });
  }
}

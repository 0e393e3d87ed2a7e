import { Knex } from 'knex';
import { recordEnds } from '../database/operations/recordEnds';
import { recordMissedClaims } from '../database/operations/recordMissedClaims';
import { recordResumptions } from '../database/operations/recordResumptions';
import { RecoveryListener } from './RecoveryListener';

/** What came of the decisions: whether the tasks were claimed again, went on, and how they ended. */
export class Outcomes {
  constructor(
    private readonly options: {
      knex: Knex;
      listener: Pick<RecoveryListener, 'resumed'>;
    },
  ) {}

  /** Records what has become known since the last call, here or in another process. */
  async recordOnce(): Promise<void> {
    const { knex, listener } = this.options;
    await recordMissedClaims(knex);
    for (const resumption of await recordResumptions(knex)) {
      listener.resumed(resumption);
    }
    await recordEnds(knex);
  }
}

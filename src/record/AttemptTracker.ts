import { Knex } from 'knex';
import { recordEnds } from '../database/operations/attempts/outcomes/recordEnds';
import { recordMissedClaims } from '../database/operations/attempts/outcomes/recordMissedClaims';
import { recordResumptions } from '../database/operations/attempts/outcomes/recordResumptions';
import { RecoveryListener } from './RecoveryListener';

/** The scaffolder publishes the end of a task before it stores it (`completeTask`, 4.2.0). */
const SOON_MS = 500;

/** Records the outcome of each decision: whether the task was claimed again, went on, and how it ended. */
export class AttemptTracker {
  #soon?: NodeJS.Timeout;

  constructor(
    private readonly options: {
      knex: Knex;
      listener: Pick<RecoveryListener, 'resumed'>;
      /** Ends what is still to come. */
      signal?: AbortSignal;
    },
  ) {
    options.signal?.addEventListener('abort', () => clearTimeout(this.#soon), {
      once: true,
    });
  }

  /** A task has ended, here. Its end is about to be stored, and a retry must not come before it is recorded. */
  ended(): void {
    if (this.options.signal?.aborted) {
      return;
    }
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      // What fails here is made up for by the next regular call.
      this.recordOnce().catch(() => {});
    }, SOON_MS).unref();
  }

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

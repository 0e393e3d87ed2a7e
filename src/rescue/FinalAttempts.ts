import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { hasOngoingAttempt } from '../database/operations/attempts/final/hasOngoingAttempt';
import { listFinalAttempts } from '../database/operations/attempts/final/listFinalAttempts';
import { Ongoing } from '../database/operations/attempts/final/ongoingAttempts';
import { readStepEvents } from '../database/operations/taskEvents/readStepEvents';
import { POISON_CANDIDATE_ATTEMPTS } from '../decision/attempts';
import { waitingLine } from '../decision/messages/logLines';
import { readHistory } from '../decision/plan/history';
import { DecidedTask } from '../record/decidedTask';

const ONGOING: Ongoing = {
  /**
   * A recovered task keeps others from their final attempt for no longer than this, unless it ends. Longer than most steps take: a task
   * that is still in its step would be interrupted by the next one if that one ends the backend.
   */
  seconds: 300,
  /**
   * An attempt is over once its run has missed so many heartbeats. All others would otherwise wait until the task counts as interrupted.
   */
  silentSeconds: 5,
};

/** A task that was recovered before and made no progress. It may be what ends the backend. */
type PoisonCandidate = {
  id: string;
  isFinalAttempt: boolean;
  /** How often it was decided on before. */
  attempts: number;
};

/**
 * A task that ends the backend interrupts all others as well, so that they use up their attempts together. So a final attempt is
 * isolated: it begins when no other poison candidate runs, and while it lasts no poison candidate is recovered. The task that ends the
 * backend, whatever its limit, then ends it alone.
 */
export class FinalAttempts {
  /** The tasks that wait, and how often each had been decided on when that was logged. */
  readonly #waiting = new Map<string, number>();

  constructor(private readonly options: { logger: LoggerService }) {}

  /** The ids of the tasks that have to wait. Until the transaction ends, other processes wait here. */
  async whoWaits(
    tx: Knex.Transaction,
    decided: DecidedTask[],
  ): Promise<Set<string>> {
    const candidates = poisonCandidatesAmong(decided);
    if (candidates.length === 0) {
      return new Set();
    }
    const mayRun = await this.#whoMayRun(tx, candidates);
    const waiting = candidates.filter(candidate => !mayRun.includes(candidate));
    this.#log(candidates, waiting);
    return new Set(waiting.map(({ id }) => id));
  }

  async #whoMayRun(
    tx: Knex.Transaction,
    candidates: PoisonCandidate[],
  ): Promise<PoisonCandidate[]> {
    if (await this.#isFinalAttemptOngoing(tx)) {
      return [];
    }
    const next = candidates.find(({ isFinalAttempt }) => isFinalAttempt);
    if (!next) {
      return candidates;
    }
    // Whether these made progress since is not asked: it would have to be read from the events of perhaps thousands of tasks. Final attempts
    // are not among them: it is known by now that none without progress is left.
    const others = { ...ONGOING, minAttemptsUsed: POISON_CANDIDATE_ATTEMPTS };
    return (await hasOngoingAttempt(tx, others)) ? [] : [next];
  }

  /** Whether a task in its final attempt has neither ended, nor made progress, nor fallen silent. */
  async #isFinalAttemptOngoing(tx: Knex.Transaction): Promise<boolean> {
    const ongoing = await listFinalAttempts(tx, ONGOING);
    const events = await readStepEvents(
      tx,
      ongoing.map(({ taskId }) => taskId),
    );
    return ongoing.some(
      ({ taskId, finishedSteps }) =>
        readHistory(events.get(taskId)).finishedSteps.size <= finishedSteps,
    );
  }

  /** Logged once for each interruption, also if another process decided on the one before. */
  #log(candidates: PoisonCandidate[], waiting: PoisonCandidate[]): void {
    for (const { id, attempts } of waiting) {
      if (this.#waiting.get(id) !== attempts) {
        this.options.logger.info(waitingLine(id));
      }
    }
    candidates.forEach(({ id }) => this.#waiting.delete(id));
    waiting.forEach(({ id, attempts }) => this.#waiting.set(id, attempts));
  }
}

function poisonCandidatesAmong(decided: DecidedTask[]): PoisonCandidate[] {
  return decided.flatMap(({ task, decision }) =>
    'attempt' in decision && decision.attempt.isPoisonCandidate
      ? [
          {
            id: task.id,
            isFinalAttempt: decision.attempt.isFinalAttempt,
            attempts: task.last?.attempt ?? 0,
          },
        ]
      : [],
  );
}

import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { RecoveryConfig } from '../config';
import { hasOngoingAttempt } from '../database/operations/attempts/hasOngoingAttempt';
import { listFinalAttempts } from '../database/operations/attempts/listFinalAttempts';
import { Ongoing } from '../database/operations/attempts/ongoingAttempts';
import { readStepEvents } from '../database/operations/taskEvents/readStepEvents';
import { POISON_CANDIDATE_ATTEMPTS } from '../decision/attempts';
import { DecidedTask } from './batch/carryOut';
import { readHistory } from '../decision/plan/history';
import { waitingLine } from '../decision/messages/messages';

const ONGOING: Ongoing = {
  /**
   * For so long a recovered task keeps others from their last chance, unless it ends. Longer than most steps take:
   * a task that is still in its step would be interrupted by the next one if that ends the backend.
   */
  seconds: 300,
  /**
   * A last chance is over once its run has missed so many heartbeats: a live one is vouched for before. Until the task counts as
   * interrupted, all others would wait for as long again as it took to find them interrupted.
   */
  silentSeconds: 5,
};

/**
 * A task that is due for its last chance lets others go first no longer than this after it counts as interrupted. All others of its
 * kind wait while it has its last chance, so they go first, but not for ever.
 */
const PATIENCE_SECONDS = 300;

/** A task that may be what ends the backend. */
type PoisonCandidate = {
  id: string;
  isFinalAttempt: boolean;
  /** How often it was decided on before. */
  attempts: number;
  secondsSilent: number;
};

/**
 * A task that kills the backend interrupts all others as well, so that they run out of attempts together. That is why the
 * last chance is given to one task at a time, once no other that got no further is recovered or running, and meanwhile none of those is
 * recovered: the one that kills the backend, whatever its limit, does it alone.
 */
export class FinalAttempts {
  /** Those that wait, and how often they were decided on before. */
  readonly #waiting = new Map<string, number>();

  constructor(
    private readonly options: {
      config: Pick<RecoveryConfig, 'timeoutSeconds' | 'staleTimeoutSeconds'>;
      logger: LoggerService;
    },
  ) {}

  /** Finds the ids of those that have to wait. Nobody else can ask this until the transaction ends. */
  async whoWaits(
    tx: Knex.Transaction,
    decided: DecidedTask[],
  ): Promise<Set<string>> {
    const suspects = poisonCandidatesAmong(decided);
    if (suspects.length === 0) {
      return new Set();
    }
    const isTaken = await this.#isTaken(tx);
    const next = isTaken ? undefined : await this.#next(tx, suspects);
    const waiting = suspects.filter(s =>
      isTaken || next ? s !== next : s.isFinalAttempt,
    );
    this.#say(suspects, { waiting, isForOthers: isTaken || Boolean(next) });
    return new Set(waiting.map(({ id }) => id));
  }

  /** Whether some task has its last chance, and has neither ended, nor got further, nor fallen silent since. */
  async #isTaken(tx: Knex.Transaction): Promise<boolean> {
    const given = await listFinalAttempts(tx, ONGOING);
    const events = await readStepEvents(
      tx,
      given.map(({ taskId }) => taskId),
    );
    return given.some(
      ({ taskId, finishedSteps }) =>
        readHistory(events.get(taskId)).finishedSteps.size <= finishedSteps,
    );
  }

  /** The one of them that has its last chance now. Nothing if none is due, or others go first. */
  async #next(
    tx: Knex.Transaction,
    suspects: PoisonCandidate[],
  ): Promise<PoisonCandidate | undefined> {
    const due = suspects.filter(s => s.isFinalAttempt);
    const { timeoutSeconds, staleTimeoutSeconds } = this.options.config;
    // Before it is held back from the scaffolder's own recovery, which counts its silence anew.
    const patience = Math.min(
      PATIENCE_SECONDS,
      (staleTimeoutSeconds - timeoutSeconds) / 2,
    );
    const impatient = due.find(
      s => s.secondsSilent >= timeoutSeconds + patience,
    );
    if (impatient || due.length < suspects.length) {
      return impatient;
    }
    // One that got further since counts as well, until it has ended: it would have to be told from its events, of perhaps thousands.
    const others = { ...ONGOING, minSpent: POISON_CANDIDATE_ATTEMPTS };
    return (await hasOngoingAttempt(tx, others)) ? undefined : due[0];
  }

  /** Said once for each interruption, also if another process decided on the one before. */
  #say(
    suspects: PoisonCandidate[],
    {
      waiting,
      isForOthers,
    }: { waiting: PoisonCandidate[]; isForOthers: boolean },
  ): void {
    for (const { id, attempts } of waiting) {
      if (this.#waiting.get(id) !== attempts) {
        this.options.logger.info(waitingLine(id, { isForOthers }));
      }
    }
    suspects.forEach(({ id }) => this.#waiting.delete(id));
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
            secondsSilent: task.secondsSilent,
          },
        ]
      : [],
  );
}

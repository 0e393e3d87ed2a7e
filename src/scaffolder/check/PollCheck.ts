import { ScaffolderPoll } from '../statements/ScaffolderPoll';
import { ExplainedError } from '../../util/ExplainedError';

/** Three polls of the scaffolder. */
const MISSING_AFTER_SECONDS = 30;

/**
 * Checks that the scaffolder polls for tasks to recover, as it does with the settings that this module supplies. Without its poll, no task is
 * opened.
 */
export class PollCheck {
  #workersStartedAt?: number;

  constructor(
    private readonly options: {
      poll: Pick<ScaffolderPoll, 'secondsSinceLast'>;
      /** Whether the database answers, and has for a while. */
      settling: { isSettled(): boolean };
      /** Milliseconds that pass evenly; for tests. */
      clock?: () => number;
    },
  ) {}

  /** To be called when the scaffolder starts the workers of this process. */
  workersStart(): void {
    this.#workersStartedAt = this.#now();
  }

  /**
   * To be called every few seconds.
   *
   * @throws ExplainedError if the scaffolder has not polled for 30 s, though its database answers.
   */
  async check(): Promise<void> {
    const { poll, settling } = this.options;
    if (this.#workersStartedAt === undefined || !settling.isSettled()) {
      return;
    }
    const seconds = Math.min(
      poll.secondsSinceLast() ?? Infinity,
      (this.#now() - this.#workersStartedAt) / 1000,
    );
    if (seconds > MISSING_AFTER_SECONDS) {
      throw pollMissing(MISSING_AFTER_SECONDS);
    }
  }

  #now(): number {
    return (this.options.clock ?? (() => performance.now()))();
  }
}

/** The scaffolder does not poll, though its settings ask for it. */
function pollMissing(seconds: number): ExplainedError {
  return new ExplainedError(
    `The scaffolder has not polled for tasks to recover for ${seconds} s, which it does every 10 s with scaffolder.taskRecovery.enabled. So tasks that are to run again wait until a backend starts. If another task broker than the scaffolder's own runs the tasks, they cannot be recovered: set scaffolder.recoverTasks: false. Otherwise set these lines in app-config.yaml:

scaffolder:
  recoverTasks: true
  taskRecovery:
    enabled: true
    staleTimeout: { hours: 12 }
`,
  );
}

import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import { isOlder } from './isOlder';
import { ASSUMPTIONS } from '../assumptions';
import { checkWarning, Deviation, TESTED } from './checkWarnings';
import { InstalledVersions } from './installedVersions';
import { RecentIds } from './RecentIds';
import { SentStatement } from '../statements/claimedTask';

const { statements, testedVersions, oldestSqlite, knexEvents } = ASSUMPTIONS;

/** The claim of a task that does not exist, and what knex reported of it. */
type Probe = {
  id: string;
  builder?: Knex.QueryBuilder;
  events: Set<(typeof knexEvents)[number]>;
  isRecognised: boolean;
};

/**
 * Verifies, when a process starts and while it runs, that the scaffolder is as `assumptions.ts` declares it. What is not is a warning,
 * once for each process and kind. It keeps nothing from being done, and after the start it sends no statement.
 *
 * What knex reports is only noted when it comes, so that nothing here can fail or delay a statement of the scaffolder.
 */
export class ScaffolderCheck {
  readonly #reported = new Set<Deviation['kind']>();
  /** Tasks whose claim was seen as a statement. */
  readonly #claimed = new RecentIds();
  /** Tasks that an event said to be claimed, here or in another process, and of which no claim was seen. */
  readonly #published = new RecentIds();
  #found: Deviation[] = [];
  #canWorkersStart = false;
  #isProbed = false;
  #probe?: Probe;

  constructor(
    private readonly options: {
      versions: InstalledVersions;
      /** Reads the version of SQLite, or nothing on another engine. */
      readSqliteVersion: () => Promise<string | undefined>;
      /** Claims a task that does not exist, as the scaffolder would, through the client that the plugin gets. */
      claimNoTask: (claim: {
        taskId: string;
        onStatement: (builder: Knex.QueryBuilder) => void;
      }) => Promise<void>;
      logger: LoggerService;
    },
  ) {}

  /** To be called when the process starts. Needs no database. */
  checkVersion(): void {
    const { versions, logger } = this.options;
    const { scaffolder } = versions;
    if (scaffolder === undefined) {
      logger.info(
        `The version of @backstage/plugin-scaffolder-backend could not be read; this module was tested with ${TESTED}`,
      );
    } else if (!isTested(scaffolder)) {
      this.#report({ kind: 'version', scaffolder });
    }
  }

  /** To be called when the plugin's startup hooks have done what must precede the workers. */
  workersMayStart(): void {
    this.#canWorkersStart = true;
  }

  /** To be called with each statement that knex is about to compile: its event `start`. */
  starts(builder: unknown): void {
    if (this.#probe && builder === this.#probe.builder) {
      this.#probe.events.add('start');
    }
  }

  /** To be called with each statement that knex sends: its event `query`. */
  sent(statement: SentStatement): void {
    if (this.#probe && statement.bindings?.includes(this.#probe.id)) {
      this.#probe.events.add('query');
    }
    if (this.#published.size > 0) {
      const taskId = statements.heartbeat(statement);
      if (taskId !== undefined && this.#published.has(taskId)) {
        this.#published.delete(taskId);
        this.#note({ kind: 'claim', taskId });
      }
    }
  }

  /** To be called with each answer that knex gets: its event `query-response`. */
  answered(answer: unknown, statement: SentStatement): void {
    if (this.#probe && statement.bindings?.includes(this.#probe.id)) {
      this.#probe.events.add('query-response');
      this.#probe.isRecognised =
        answer === 0 && statements.claim(statement) === this.#probe.id;
    }
    const taskId = answer === 1 ? statements.claim(statement) : undefined;
    if (taskId !== undefined) {
      this.#claimed.add(taskId);
      this.#published.delete(taskId);
      if (!this.#canWorkersStart) {
        this.#note({ kind: 'earlyClaim', taskId });
      }
    }
  }

  /**
   * To be called synchronously with each event that says that a task was claimed. With an events backend it can be the claim of another
   * process; that the task runs here is known once its heartbeat is written here.
   */
  claimPublished(taskId: string): void {
    if (!this.#claimed.has(taskId)) {
      this.#published.add(taskId);
    }
  }

  /**
   * To be called every few seconds while the scaffolder's tables are there. Reports what was noted, and at first asks the database.
   *
   * @throws what the database says. It asks again the next time.
   */
  async runOnce(): Promise<void> {
    for (const deviation of this.#found.splice(0)) {
      this.#report(deviation);
    }
    if (!this.#isProbed) {
      await this.#checkSqlite();
      await this.#checkProbe();
      this.#isProbed = true;
    }
  }

  async #checkSqlite(): Promise<void> {
    const version = await this.options.readSqliteVersion();
    if (version !== undefined && isOlder(version, oldestSqlite)) {
      this.#report({ kind: 'sqlite', version });
    }
  }

  /**
   * Claims a task that does not exist. If the client that the plugin gets is another one than the module listens to, or if knex writes the
   * statement in another way, the claim is not seen.
   */
  async #checkProbe(): Promise<void> {
    const probe: Probe = {
      id: randomUUID(),
      events: new Set(),
      isRecognised: false,
    };
    this.#probe = probe;
    try {
      await this.options.claimNoTask({
        taskId: probe.id,
        onStatement: builder => {
          probe.builder = builder;
        },
      });
    } finally {
      this.#probe = undefined;
    }
    const events = knexEvents.filter(event => !probe.events.has(event));
    if (events.length > 0) {
      this.#report({ kind: 'unseen', events });
    } else if (!probe.isRecognised) {
      this.#report({ kind: 'unrecognised' });
    }
  }

  #note(deviation: Deviation): void {
    // One of each kind is reported, and the next ones add nothing new.
    if (!this.#found.some(({ kind }) => kind === deviation.kind)) {
      this.#found.push(deviation);
    }
  }

  #report(deviation: Deviation): void {
    const { versions, logger } = this.options;
    if (!this.#reported.has(deviation.kind)) {
      this.#reported.add(deviation.kind);
      logger.warn(checkWarning(deviation, versions));
    }
  }
}

function isTested(version: string): boolean {
  const minor = version.split('.').slice(0, 2).join('.');
  return testedVersions.some(tested => tested === minor);
}

import {
  createMockDirectory,
  mockServices,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  readEvents,
  readTask,
  TestTask,
} from '../../__testUtils__/scaffolderDatabase';
import { rememberStrategy } from '../../__testUtils__/rememberStrategy';
import { RecoveryConfig } from '../../config';
import { NewStrategy } from '../../database/operations/strategies/rememberStrategies';
import { ATTEMPTS, PROCESSES } from '../../database/tables';
import { secondsAgo } from '../../database/time';
import { Strategy } from '../../decision/strategy';
import { DatabaseClock } from '../../liveness/DatabaseClock';
import { OwnedRuns } from '../../liveness/ownership/OwnedRuns';
import { ProcessRegistration } from '../../liveness/processes/ProcessRegistration';
import { readThisProcess } from '../../liveness/processes/thisProcess';
import { Settling } from '../../liveness/Settling';
import { TASKS } from '../../scaffolder/tables';
import { ScaffolderPoll } from '../../scaffolder/statements/ScaffolderPoll';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { DecisionCounts } from '../batch/BatchDecider';
import { createRecoveryPass } from '../createRecoveryPass';

/** What a pass returns that had nothing to decide. */
export const NO_DECISIONS: DecisionCounts = {
  cancelled: 0,
  failed: 0,
  finish: 0,
  restart: 0,
  resume: 0,
  later: 0,
  error: 0,
};

/** A database with tasks, and a process with a working directory that makes passes over them. To be made within a `describe`. */
export class PassSite {
  readonly directory = createMockDirectory();
  readonly logger = mockServices.logger.mock();
  readonly events = mockServices.events.mock();
  readonly listener = { decided: jest.fn(), undecided: jest.fn() };
  knex!: Knex;
  /** The clock of the process, in milliseconds. */
  now = 0;
  runs!: OwnedRuns;
  /** Has no number: the process is one that has just started. */
  registration!: ProcessRegistration;
  settling!: Settling;
  poll!: ScaffolderPoll;

  /** To be called before all tests. */
  async open(database: Promise<Knex>): Promise<void> {
    this.knex = await database;
    await migrateScaffolder(this.knex);
  }

  /** To be called before each test: no tasks, and a process that has just started. */
  async reset(): Promise<void> {
    jest.clearAllMocks();
    this.events.publish.mockResolvedValue(undefined);
    this.directory.clear();
    this.settling = new Settling(() => this.now);
    this.poll = new ScaffolderPoll(() => 0);
    this.runs = new OwnedRuns({ knex: this.knex, folders: this.#folders() });
    this.registration = new ProcessRegistration({
      ...this,
      process: readThisProcess(),
      lockTrouble: { report: () => {}, over: () => {} },
      isTimeoutLong: false,
    });
    await this.knex(TASKS).delete();
    await this.knex(PROCESSES).delete();
  }

  createPass(
    config: Partial<RecoveryConfig> = {},
    folders: RunFolders = this.#folders(),
    databaseClock?: DatabaseClock,
  ) {
    const { knex, runs, registration, settling, poll } = this;
    const { events, listener, logger } = this;
    return createRecoveryPass({
      knex,
      config: {
        timeoutSeconds: 30,
        staleTimeoutSeconds: 3600,
        taskTimeoutSeconds: 86_400,
        concurrentTasks: 10,
        workingDirectory: this.directory.path,
        exitOnLostOwnership: false,
        maxAttempts: 3,
        notify: false,
        ...config,
      },
      folders,
      runs,
      registration,
      settling,
      poll,
      events,
      listener,
      databaseClock,
      logger,
    });
  }

  /** A task that ran into step two, having finished step one. */
  async interrupted(
    strategy: Strategy | undefined,
    task: TestTask = {},
  ): Promise<string> {
    const { knex } = this;
    const id = await insertTask(knex, { completed: ['one'], ...task });
    for (const [stepId, status] of [
      ['one', 'processing'],
      ['one', 'completed'],
      ['two', 'processing'],
    ]) {
      await insertEvent(knex, id, 'log', { message: '', stepId, status });
    }
    if (strategy) {
      await this.remember(id, { strategy });
    }
    return id;
  }

  /** A backend died again, with the tasks at the same step. */
  async interruptAgain(...ids: string[]): Promise<void> {
    const { knex } = this;
    for (const id of ids) {
      await insertEvent(knex, id, 'recovered', { recoverStrategy: 'none' });
      await insertEvent(knex, id, 'log', {
        message: '',
        stepId: 'two',
        status: 'processing',
      });
    }
    // Some time has passed since the decisions.
    await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 700) });
    await knex(TASKS)
      .whereIn('id', ids)
      .update({
        status: 'processing',
        last_heartbeat_at: secondsAgo(knex, 600),
      });
  }

  /** Stores the strategy of a task, as if it had been looked up in its template. */
  async remember(
    taskId: string,
    strategy: Pick<NewStrategy, 'strategy'> & Partial<NewStrategy>,
  ): Promise<void> {
    await rememberStrategy(this.knex, {
      task_id: taskId,
      source: 'template',
      remark: null,
      ...strategy,
    });
  }

  /** The events of a task since it was interrupted, with messages in one line. */
  async newEvents(id: string): Promise<{ type: string; body: any }[]> {
    return (await readEvents(this.knex, id)).slice(3).map(({ type, body }) => ({
      type,
      body:
        'message' in body
          ? { ...body, message: body.message.replaceAll('\n', ' ') }
          : body,
    }));
  }

  /** The ids of the steps that are recorded as completed. */
  async stepsOf(id: string): Promise<string[]> {
    const { state } = await readTask(this.knex, id);
    return Object.keys(JSON.parse(state!).state.steps);
  }

  #folders(): RunFolders {
    return new RunFolders(this.directory.path, this.logger);
  }
}

import {
  LoggerService,
  resolvePackagePath,
} from '@backstage/backend-plugin-api';
import { ConfigReader } from '@backstage/config';
import { DefaultEventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { TASKS } from '../database/tables';
import { secondsAgo } from '../database/time';

/** A step of a task, with what its action is to do. */
export type RealStep = {
  id: string;
  if?: unknown;
  each?: unknown;
  recovery?: unknown;
  /** In which runs of the task it fails, counted from 1. */
  failsIn?: number[];
  /** In which runs of the task its process is killed in it, counted from 1. */
  killedIn?: number[];
};

/**
 * The scaffolder's own task store, broker, worker and runner, without a backend around them. A process that is killed is one of which
 * nothing is heard any more.
 */
export class RealScaffolder {
  /** The places of the steps whose action was begun, by task and run, once for each element of an `each`. */
  readonly begun = new Map<string, number[][]>();

  private constructor(
    private readonly knex: Knex,
    private readonly store: any,
    private readonly broker: any,
    private readonly worker: any,
    private readonly process: { killed?: () => void; actions: Action[] },
  ) {}

  static async create(options: {
    knex: Knex;
    workingDirectory: string;
    logger: LoggerService;
  }): Promise<RealScaffolder> {
    const { knex, workingDirectory, logger } = options;
    const { DatabaseTaskStore } = inside('tasks/DatabaseTaskStore');
    const { StorageTaskBroker } = inside('tasks/StorageTaskBroker');
    const { TaskWorker } = inside('tasks/TaskWorker');
    const config = new ConfigReader({
      scaffolder: { taskRecovery: { enabled: true } },
    });
    const store = await DatabaseTaskStore.create({
      database: knex,
      events: DefaultEventsService.create({ logger }),
      recoverTasksEnabled: true,
    });
    const broker = new StorageTaskBroker(store, logger, config, {
      getNoneCredentials: async () => ({}),
    });
    // Nobody cancels here. It would look for that until the task has ended, and beyond the end of the database.
    broker.registerCancellable = async () => {};
    const process: { killed?: () => void; actions: Action[] } = { actions: [] };
    const instrument = { add() {}, record() {} };
    const worker = await TaskWorker.create({
      taskBroker: broker,
      actionRegistry: { get: async () => process.actions[0] },
      integrations: {},
      logger,
      config,
      workingDirectory,
      metrics: {
        createCounter: () => instrument,
        createHistogram: () => instrument,
      },
    });
    const scaffolder = new RealScaffolder(knex, store, broker, worker, process);
    process.actions.push({
      id: 'test:step',
      handler: context => scaffolder.#handle(context),
    });
    return scaffolder;
  }

  /** Starts a task. It waits to be run. */
  async dispatch(steps: RealStep[]): Promise<string> {
    const { taskId } = await this.broker.dispatch({
      spec: {
        apiVersion: 'scaffolder.backstage.io/v1beta3',
        parameters: {},
        output: {},
        templateInfo: { entityRef: `template:default/t-${randomUUID()}` },
        steps: steps.map((step, place) => ({
          ...step,
          name: step.id,
          action: 'test:step',
          input: {
            place,
            failsIn: step.failsIn ?? [],
            killedIn: step.killedIn ?? [],
          },
        })),
      },
      secrets: { token: 'x' },
    });
    this.begun.set(taskId, []);
    return taskId;
  }

  /** Runs the only open task, until it ends or its process is killed. */
  async run(): Promise<void> {
    const task = await this.broker.claim();
    this.begun.get(task.taskId)!.push([]);
    const killed = new Promise<void>(resolve => {
      this.process.killed = () => {
        // The heartbeat fails once, and the scaffolder never tries again.
        task.isDone = true;
        clearTimeout(task.heartbeatTimeoutId);
        resolve();
      };
    });
    await Promise.race([this.worker.runOneTask(task), killed]);
    await this.knex(TASKS)
      .where({ id: task.taskId, status: 'processing' })
      .update({ last_heartbeat_at: secondsAgo(this.knex, 600) });
  }

  /** Starts a task again that has ended. It waits to be run. */
  async retry(taskId: string): Promise<void> {
    await this.store.retryTask({ taskId, secrets: { token: 'x' } });
  }

  async #handle({ task, input, step, output, checkpoint }: any): Promise<void> {
    const runs = this.begun.get(task.id)!;
    const { place, failsIn, killedIn } = input;
    runs.at(-1)!.push(place);
    await checkpoint({ key: 'once', fn: async () => step.id });
    if (killedIn.includes(runs.length)) {
      this.process.killed!();
      await new Promise(() => {});
    }
    if (failsIn.includes(runs.length)) {
      throw new Error(`Step ${step.id} fails`);
    }
    output('place', place);
  }
}

type Action = { id: string; handler: (context: any) => Promise<void> };

/** What the package does not export. */
function inside(file: string): any {
  return require(
    path.join(
      resolvePackagePath('@backstage/plugin-scaffolder-backend'),
      'dist/scaffolder',
      `${file}.cjs.js`,
    ),
  );
}

import {
  LoggerService,
  resolvePackagePath,
} from '@backstage/backend-plugin-api';
import { ConfigReader } from '@backstage/config';
import { WorkspaceProvider } from '@backstage/plugin-scaffolder-node/alpha';
import { DefaultEventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { TASKS } from '../scaffolder/tables';
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
  /** Where in it the process is killed: after its checkpoint unless set otherwise. */
  killedAt?: 'begin' | 'checkpoint' | 'record';
};

/** What a step does with the files of its workspace, called twice: before its checkpoint, and before it ends. */
export type StepEffect = (step: {
  taskId: string;
  place: number;
  /** Counts the runs of the task, from 1. */
  run: number;
  part: 'first' | 'second';
  workspacePath: string;
}) => void | Promise<void>;

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
    private readonly process: SimulatedProcess,
    private readonly onStep?: StepEffect,
  ) {}

  /**
   * @param options.workspaceProvider - what keeps the files of workspaces, if anything does
   * @param options.onStep - does what a step does with files; called before its checkpoint and after it
   */
  static async create(options: {
    knex: Knex;
    workingDirectory: string;
    logger: LoggerService;
    workspaceProvider?: WorkspaceProvider;
    onStep?: StepEffect;
  }): Promise<RealScaffolder> {
    const { knex, workingDirectory, logger, workspaceProvider } = options;
    const { DatabaseTaskStore } = inside('tasks/DatabaseTaskStore');
    const { StorageTaskBroker } = inside('tasks/StorageTaskBroker');
    const { TaskWorker } = inside('tasks/TaskWorker');
    const config = new ConfigReader({
      scaffolder: {
        taskRecovery: {
          enabled: true,
          ...(workspaceProvider && { workspaceProvider: 'tested' }),
        },
      },
    });
    const store = await DatabaseTaskStore.create({
      database: knex,
      events: DefaultEventsService.create({ logger }),
      recoverTasksEnabled: true,
    });
    const auth = { getNoneCredentials: async () => ({}) };
    const providers = workspaceProvider && { tested: workspaceProvider };
    const broker = new StorageTaskBroker(
      ...[store, logger, config, auth, providers],
    );
    // Nobody cancels here. It would poll for that until the task has ended, and beyond the end of the database.
    broker.registerCancellable = async () => {};
    const process: SimulatedProcess = { actions: [] };
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
    const scaffolder = new RealScaffolder(
      ...([knex, store, broker, worker, process, options.onStep] as const),
    );
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
            killedAt: step.killedAt ?? 'checkpoint',
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
    const record = task.updateStepState.bind(task);
    task.updateStepState = async (options: unknown) => {
      if (this.process.isKilledAtRecord) {
        await this.#kill();
      }
      await record(options);
    };
    await Promise.race([this.worker.runOneTask(task), killed]);
    await this.knex(TASKS)
      .where({ id: task.taskId, status: 'processing' })
      .update({ last_heartbeat_at: secondsAgo(this.knex, 600) });
  }

  /** Starts a task again that has ended. It waits to be run. */
  async retry(taskId: string): Promise<void> {
    await this.store.retryTask({ taskId, secrets: { token: 'x' } });
  }

  async #handle(context: any): Promise<void> {
    const { task, input, step, output, checkpoint, workspacePath } = context;
    const runs = this.begun.get(task.id)!;
    const { place, failsIn, killedIn } = input;
    const run = runs.length;
    const killedAt = killedIn.includes(run) ? input.killedAt : undefined;
    const at = { taskId: task.id, place, run, workspacePath };
    runs.at(-1)!.push(place);
    await this.onStep?.({ ...at, part: 'first' });
    if (killedAt === 'begin') {
      await this.#kill();
    }
    await checkpoint({ key: 'once', fn: async () => step.id });
    if (killedAt === 'checkpoint') {
      await this.#kill();
    }
    if (failsIn.includes(run)) {
      throw new Error(`Step ${step.id} fails`);
    }
    await this.onStep?.({ ...at, part: 'second' });
    output('place', place);
    this.process.isKilledAtRecord = killedAt === 'record';
  }

  async #kill(): Promise<never> {
    this.process.isKilledAtRecord = false;
    this.process.killed!();
    return new Promise(() => {});
  }
}

type SimulatedProcess = {
  killed?: () => void;
  isKilledAtRecord?: boolean;
  actions: Action[];
};

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

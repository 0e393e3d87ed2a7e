import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { TASK_EVENTS, TASKS } from '../../../src/scaffolder/tables';
import { Replica } from '../../harness/backend/Replica';
import { ScaffolderClient } from '../../harness/backend/ScaffolderClient';
import { Random } from '../random';
import { readSpec, StoredEvent } from '../evidence/records';
import { ONE_RETRY_OF, RETRY_DELAY_MS } from '../settings';
import { secretOf, Strategy } from './templates';

const FREQUENCY_MS = 250;

/** A request to start a failed task again. */
export type SentRetry = {
  taskId: string;
  /** The end that it was to undo. The scaffolder deletes the event of an end when the task is started again. */
  end: StoredEvent;
  /** The process that it was sent to. */
  pid: number;
  sentAt: number;
  /** When it was answered, or the connection was lost. */
  answeredAt: number;
  /** `none` if the connection was lost. It may have happened then, and also if it was refused: a commit can lose its answer. */
  answer: 'started' | 'refused' | 'none';
};

type FailedTask = { id: string; spec: string; end: StoredEvent };

/**
 * Starts tasks again that have ended as failed, each at most once: of each strategy the first, so that a short run has some as
 * well, and then one of so many.
 */
export class Retrier {
  readonly sent: SentRetry[] = [];
  #isOpen = true;
  readonly #seen = new Set<string>();
  readonly #failed = new Map<Strategy, number>();
  readonly #pending = new Set<Promise<void>>();

  constructor(
    private readonly options: {
      knex: Knex;
      replicas: Replica[];
      random: Random;
    },
  ) {}

  /** Starts tasks again until it is closed. */
  async run(): Promise<void> {
    while (this.#isOpen) {
      await sleep(FREQUENCY_MS);
      // Nothing is found while PostgreSQL is away.
      const failed = await listFailed(this.options.knex).catch(() => []);
      failed
        .filter(task => this.#isChosen(task))
        .forEach(task => this.#begin(task));
    }
  }

  /** Starts no further tasks. Resolves when all requests have been answered. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.#pending);
  }

  #isChosen({ id, spec }: FailedTask): boolean {
    if (this.#seen.has(id)) {
      return false;
    }
    this.#seen.add(id);
    const { strategy } = readSpec(spec);
    const count = this.#failed.get(strategy) ?? 0;
    this.#failed.set(strategy, count + 1);
    return count % ONE_RETRY_OF === 0;
  }

  #begin(task: FailedTask): void {
    const { random } = this.options;
    // Drawn here, since what follows comes in an order that the seed does not tell.
    const delayMs = random.logBetween(RETRY_DELAY_MS.low, RETRY_DELAY_MS.high);
    const target = random.next();
    const pending = sleep(delayMs)
      .then(() => this.#retry(task, target))
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  async #retry(task: FailedTask, target: number): Promise<void> {
    while (this.#isOpen) {
      const ready = this.options.replicas.filter(r => r.isReady);
      const replica = ready[Math.floor(target * ready.length)];
      const client =
        replica &&
        (await ScaffolderClient.asGuest(replica.url).catch(() => undefined));
      if (client) {
        const sent = await send(client, replica, task);
        this.sent.push(sent);
        if (sent.answer !== 'started') {
          // Most likely it did not happen, so the next that fails takes its place.
          this.#failed.set(readSpec(task.spec).strategy, 0);
        }
        return;
      }
      await sleep(FREQUENCY_MS);
    }
  }
}

async function send(
  client: ScaffolderClient,
  replica: Replica,
  { id: taskId, spec, end }: FailedTask,
): Promise<SentRetry> {
  const { pid } = replica.lifetimes.at(-1)!;
  const { name } = JSON.parse(spec).parameters;
  const sentAt = Date.now();
  const answer = await client.retry(taskId, { chaos: secretOf(name) }).then(
    () => 'started' as const,
    // What `fetch` throws, for a connection that was lost.
    error => (error instanceof TypeError ? 'none' : 'refused'),
  );
  return { taskId, end, pid, sentAt, answeredAt: Date.now(), answer };
}

/** In the order in which they failed. */
async function listFailed(knex: Knex): Promise<FailedTask[]> {
  const rows = await knex(TASKS)
    .join(TASK_EVENTS, `${TASK_EVENTS}.task_id`, `${TASKS}.id`)
    .where({
      [`${TASKS}.status`]: 'failed',
      [`${TASK_EVENTS}.event_type`]: 'completion',
    })
    .orderBy(`${TASK_EVENTS}.id`)
    .select({
      id: `${TASKS}.id`,
      spec: `${TASKS}.spec`,
      event_id: `${TASK_EVENTS}.id`,
      created_at: `${TASK_EVENTS}.created_at`,
      body: `${TASK_EVENTS}.body`,
    });
  return rows.map(({ id, spec, event_id, created_at, body }) => ({
    id,
    spec,
    end: {
      id: event_id,
      task_id: id,
      event_type: 'completion',
      created_at,
      body,
    },
  }));
}

import { Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { IN_FLIGHT, TASKS } from '../../../src/scaffolder/tables';
import { ScaffolderClient } from '../../harness/backend/ScaffolderClient';
import { waitFor } from '../../harness/waitFor';
import { Random } from '../random';
import { Replica } from '../../harness/backend/Replica';
import {
  EXPIRED_SIGN_INS,
  POISONED_TASKS,
  STEP_MS,
  TASKS_IN_FLIGHT,
} from '../settings';
import { POISONED_TEMPLATES, secretOf, TEMPLATES } from './templates';

const FREQUENCY_MS = 250;

/** Starts tasks of all templates all the time, as long as not too many are in flight. */
export class Dispatcher {
  /** Those that were refused or got no answer, since a backend or PostgreSQL was away. Some of them may exist. */
  failures = 0;
  #count = 0;
  #isOpen = true;
  /** When tasks were given a sign-in that has expired, by their ids. */
  readonly signInExpiredAt = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();

  constructor(
    private readonly options: {
      knex: Knex;
      replicas: Replica[];
      random: Random;
      /** Whether some of them end their process. */
      poison: boolean;
    },
  ) {}

  /** Starts tasks until it is closed. */
  async run(): Promise<void> {
    while (this.#isOpen) {
      await sleep(FREQUENCY_MS);
      const ready = this.options.replicas.filter(r => r.isReady);
      const inFlight = await countInFlight(this.options.knex);
      if (
        this.#isOpen &&
        ready.length > 0 &&
        inFlight !== undefined &&
        inFlight + this.#pending.size < TASKS_IN_FLIGHT
      ) {
        const pending = this.#dispatch(this.options.random.pick(ready))
          .catch(() => {
            this.failures += 1;
          })
          .finally(() => this.#pending.delete(pending));
        this.#pending.add(pending);
      }
    }
  }

  /** Starts no further tasks. Resolves when all have been answered. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.#pending);
  }

  async #dispatch(replica: Replica): Promise<void> {
    const { random, poison } = this.options;
    this.#count += 1;
    const name = `task-${this.#count}`;
    const isPoisoned = random.next() < POISONED_TASKS && poison;
    const template = random.pick(isPoisoned ? POISONED_TEMPLATES : TEMPLATES);
    const hasExpired = random.next() < EXPIRED_SIGN_INS;
    const ms = template.dependsOn.map(() =>
      Math.round(random.logBetween(STEP_MS.low, STEP_MS.high)),
    );
    // Signs in each time: a token may expire, and be of keys that a restart has changed.
    const client = await ScaffolderClient.asGuest(replica.url);
    const taskId = await client.dispatch(
      `template:default/${template.name}`,
      { name, ms },
      { chaos: secretOf(name) },
    );
    if (hasExpired) {
      const isDone = await waitFor(
        'the task to be claimed',
        () => expireSignIn(this.options.knex, taskId),
        { timeoutMs: 5_000 },
      ).catch(() => false);
      if (isDone) {
        this.signInExpiredAt.set(taskId, Date.now());
      }
    }
  }
}

/**
 * Makes the sign-in that a task was started with one that has expired, as far as its secrets tell. Once it was claimed: a
 * claim writes the secrets that it has read.
 */
async function expireSignIn(knex: Knex, id: string): Promise<boolean> {
  return knex.transaction(async tx => {
    const task = await tx(TASKS)
      .where({ id, status: 'processing' })
      .forUpdate()
      .first('secrets');
    if (!task?.secrets) {
      return false;
    }
    const secrets = JSON.parse(task.secrets);
    secrets.__initiatorCredentials = JSON.stringify({
      ...JSON.parse(secrets.__initiatorCredentials),
      expiresAt: new Date(0),
    });
    await tx(TASKS)
      .where({ id })
      .update({ secrets: JSON.stringify(secrets) });
    return true;
  });
}

/** How many tasks have not ended, or nothing if PostgreSQL does not answer. */
export async function countInFlight(knex: Knex): Promise<number | undefined> {
  try {
    const [{ count }] = await knex(TASKS).whereRaw(IN_FLIGHT).count();
    return Number(count);
  } catch {
    return undefined;
  }
}

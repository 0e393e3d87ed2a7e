import { JsonObject, JsonValue } from '@backstage/types';
import { waitFor } from '../waitFor';

type Task = {
  id: string;
  status: string;
  createdBy?: string;
  spec: { steps: { id: string; name: string }[] };
};

export type TaskEvent = {
  id: number;
  type: string;
  createdAt: string;
  body: {
    message: string;
    stepId?: string;
    status?: string;
    recoverStrategy?: string;
    error?: { name: string; message: string };
    output?: JsonObject;
  };
};

/** What the module's REST API shows of a decision. */
type Attempt = {
  taskId: string;
  trigger: 'interruption' | 'retry';
  decision: string;
  strategy?: string;
  interruptedBy?: string;
  interruptedAt?: string;
  reason: string;
  skippedSteps: string[];
  stepsAgain: { stepId: string }[];
  secondsSilent?: number;
  outcome: string;
};

/** The statuses of tasks that have ended. */
export const ENDED = ['completed', 'failed', 'cancelled'];

/** What people do with the scaffolder over HTTP, as the guest user. */
export class ScaffolderClient {
  private constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  static async asGuest(url: string): Promise<ScaffolderClient> {
    const response = await fetch(`${url}/api/auth/guest/refresh`, {
      method: 'POST',
      headers: { 'X-Requested-With': 'XMLHttpRequest' },
    });
    const { backstageIdentity } = await response.json();
    return new ScaffolderClient(url, backstageIdentity.token);
  }

  /** Starts a task from a template, once the catalog has it. */
  async dispatch(
    templateRef: string,
    values: JsonObject,
    secrets?: Record<string, string>,
  ): Promise<string> {
    const [kind, name] = templateRef.split(':');
    await waitFor(`${templateRef} in the catalog`, () =>
      this.#request('GET', `catalog/entities/by-name/${kind}/${name}`),
    );
    const { id } = await this.#request<{ id: string }>(
      'POST',
      'scaffolder/v2/tasks',
      { templateRef, values, secrets },
    );
    return id;
  }

  /** The names of all templates of the default namespace that the catalog has. */
  async templates(): Promise<string[]> {
    const entities = await this.#request<{ metadata: { name: string } }[]>(
      'GET',
      'catalog/entities?filter=kind=template,metadata.namespace=default&fields=metadata.name',
    );
    return entities.map(e => e.metadata.name);
  }

  async task(id: string): Promise<Task> {
    return this.#request('GET', `scaffolder/v2/tasks/${id}`);
  }

  async events(id: string): Promise<TaskEvent[]> {
    return this.#request('GET', `scaffolder/v2/tasks/${id}/events`);
  }

  /** The decisions on interrupted tasks, the newest first. */
  async attempts(taskId?: string): Promise<Attempt[]> {
    const filter = taskId ? `?taskId=${taskId}` : '';
    const { items } = await this.#request<{ items: Attempt[] }>(
      'GET',
      `scaffolder/recovery/v1/attempts${filter}`,
    );
    return items;
  }

  /** What the module's REST API shows of a task. */
  async recoveryOf(taskId: string): Promise<JsonObject> {
    return this.#request('GET', `scaffolder/recovery/v1/tasks/${taskId}`);
  }

  /** The events of a task until it ends, as its page gets them. */
  async eventStream(id: string): Promise<{ type: string; data: TaskEvent }[]> {
    const response = await this.#fetch(
      'GET',
      `scaffolder/v2/tasks/${id}/eventstream`,
    );
    // The backend ends it after the event that the task has ended.
    const messages = (await response.text()).split('\n\n').filter(Boolean);
    return messages.map(message => {
      const [, type, data] = /^event: (.*)\ndata: (.*)$/.exec(message)!;
      return { type, data: JSON.parse(data) };
    });
  }

  /** Runs a template without a task. */
  async dryRun(template: JsonObject, values: JsonObject): Promise<JsonObject> {
    return this.#request('POST', 'scaffolder/v2/dry-run', {
      template,
      values,
      directoryContents: [],
    });
  }

  /** What the scaffolder answers on another of its routes, such as `tasks?status=failed`. */
  async get(route: string): Promise<JsonValue> {
    return this.#request('GET', `scaffolder/v2/${route}`);
  }

  async cancel(id: string): Promise<void> {
    await this.#request('POST', `scaffolder/v2/tasks/${id}/cancel`, {});
  }

  /** Starts a task again that has ended, with the secrets that it needs. */
  async retry(id: string, secrets?: Record<string, string>): Promise<void> {
    await this.#request('POST', `scaffolder/v2/tasks/${id}/retry`, { secrets });
  }

  /** Lets something run now that the scaffolder's plugin has scheduled, in one of the backends. */
  async triggerSchedule(id: string): Promise<void> {
    await this.#fetch(
      'POST',
      `scaffolder/.backstage/scheduler/v1/tasks/${id}/trigger`,
    );
  }

  /** Waits until a step has begun and not ended. */
  async waitForStep(id: string, stepId: string): Promise<void> {
    await waitFor(`step ${stepId} of task ${id} to run`, async () => {
      const states = (await this.events(id)).filter(
        e => e.body.stepId === stepId && e.body.status,
      );
      return states.at(-1)?.body.status === 'processing';
    });
  }

  /** Waits until a task has ended, and returns it. */
  async waitForEnd(id: string, timeoutMs = 120_000): Promise<Task> {
    return waitFor(
      `task ${id} to end`,
      async () => {
        const task = await this.task(id);
        return ENDED.includes(task.status) && task;
      },
      { timeoutMs },
    );
  }

  async #request<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#fetch(method, path, body);
    return response.json() as Promise<T>;
  }

  async #fetch(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Response> {
    const response = await fetch(`${this.url}/api/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
    });
    if (!response.ok) {
      throw new Error(
        `${method} ${path} answered ${response.status}: ${await response.text()}`,
      );
    }
    return response;
  }
}

/** How often each step began, by the task's own events. */
export function countRuns(
  task: Task,
  events: TaskEvent[],
): Map<string, number> {
  return new Map(
    task.spec.steps.map(({ id }) => [
      id,
      events.filter(e => e.body.stepId === id && e.body.status === 'processing')
        .length,
    ]),
  );
}

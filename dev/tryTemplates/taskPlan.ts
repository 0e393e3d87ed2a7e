import { JsonObject } from '@backstage/types';
import fs from 'node:fs';
import path from 'node:path';
import { waitFor } from '../harness/waitFor';

/** What the actions of a task are to do. */
export type TaskPlan = {
  /** The folder of all templates, beyond which nothing is read. */
  folder: string;
  /** The file of the task's template, below that. */
  file: string;
  /** What replaced actions output, by the step's id. */
  outputs: Record<string, JsonObject>;
  /** Where the first run does not go on: so many step runs after its first, in so many calls of the action after its first. */
  hold?: { run: number; iteration: number };
};

/** The plans of tasks, in a folder that the command and its backends share. */
export class TaskPlans {
  constructor(private readonly directory: string) {
    fs.mkdirSync(directory, { recursive: true });
  }

  write(taskId: string, plan: TaskPlan): void {
    const file = this.#fileOf(taskId, 'plan');
    // A backend must not read half of it.
    fs.writeFileSync(`${file}.new`, JSON.stringify(plan));
    fs.renameSync(`${file}.new`, file);
  }

  /** Waits until there is a plan, which is written when the id of the task is known: the task may have begun by then. */
  async read(taskId: string): Promise<TaskPlan> {
    const file = this.#fileOf(taskId, 'plan');
    return waitFor(
      `the plan of task ${taskId}`,
      async () => fs.existsSync(file) && readJson(file),
      { intervalMs: 20 },
    );
  }

  /** Notes that a task has come to where it is held. */
  noteHeld(taskId: string): void {
    fs.writeFileSync(this.#fileOf(taskId, 'held'), '');
  }

  /** Whether a run of a task was held. The next one is not. */
  wasHeld(taskId: string): boolean {
    return fs.existsSync(this.#fileOf(taskId, 'held'));
  }

  #fileOf(taskId: string, kind: string): string {
    return path.join(this.directory, `${taskId}.${kind}`);
  }
}

function readJson(file: string): TaskPlan {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

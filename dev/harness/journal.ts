import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const PROBLEMS = [
  'workspaceNotFresh',
  'workspaceLost',
  'fileMissing',
  'filesWrong',
  'outputNotRestored',
  'secretMissing',
] as const;

/** What a step found that should not be. */
export type StepProblem = {
  kind: (typeof PROBLEMS)[number];
  detail: string;
};

/** A step began or ended. */
export type JournalEntry = {
  kind: 'begin' | 'end';
  /** Milliseconds since 1970, by the clock of the host that all processes share. */
  at: number;
  pid: number;
  taskId: string;
  stepId: string;
  /** Tells what belongs together: in chaos one for each claim of a task, in the comparison one for each run of a step. */
  runId: string;
  problems: StepProblem[];
};

/** What one process notes of the steps that it runs. Outside the database, and there even if the process is killed. */
export class Journal {
  readonly #file: string;

  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#file = path.join(directory, `${process.pid}-${Date.now()}.jsonl`);
  }

  append(entry: Omit<JournalEntry, 'at' | 'pid'>): void {
    const { pid } = process;
    const line = JSON.stringify({ at: Date.now(), pid, ...entry });
    appendFileSync(this.#file, `${line}\n`);
  }

  /** How often a step of a task has begun, in all processes. */
  countBegins(taskId: string, stepId: string): number {
    return readJournals(this.directory).filter(
      e => e.kind === 'begin' && e.taskId === taskId && e.stepId === stepId,
    ).length;
  }
}

/** All entries of all processes, in the order in which they were made. */
export function readJournals(directory: string): JournalEntry[] {
  return readdirSync(directory)
    .map(file => readFileSync(path.join(directory, file), 'utf8'))
    .flatMap(text => text.split('\n').filter(Boolean))
    .map(line => JSON.parse(line) as JournalEntry)
    .sort((a, b) => a.at - b.at);
}

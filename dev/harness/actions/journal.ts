import { JsonLines, readJsonLines } from './JsonLines';

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

/** What a step is noted with. */
type NotedStep = {
  taskId: string;
  stepId: string;
  /** Tells what belongs together: in chaos one for each claim of a task, otherwise one for each run of a step. */
  runId: string;
  problems: StepProblem[];
  /** What a test wants to know of its begin. */
  found?: { files: string[]; tree: Record<string, string>; show?: string };
};

/** A step began, came to its end, or failed. */
export type JournalEntry = NotedStep & {
  kind: 'begin' | 'end' | 'failure';
  /** Milliseconds since 1970, by the clock of the host that all processes share. */
  at: number;
  pid: number;
};

/** What one process notes of the steps that it runs. Outside the database, and there even if the process is killed. */
export class Journal {
  readonly #lines: JsonLines<JournalEntry>;

  constructor(private readonly directory: string) {
    this.#lines = new JsonLines(directory);
  }

  /**
   * Notes that a step begins, does its work, and notes that it ended, or failed. One whose process ends in it has neither.
   *
   * @param work - can ask how often the step has begun by now, in all processes, and returns what it found wrong
   */
  async during(
    step: NotedStep,
    work: (countBegins: () => number) => Promise<StepProblem[] | void>,
  ): Promise<void> {
    this.note(step);
    const { taskId, stepId, runId } = step;
    const countBegins = () =>
      readJournals(this.directory).filter(
        e => e.kind === 'begin' && e.taskId === taskId && e.stepId === stepId,
      ).length;
    const named = { taskId, stepId, runId };
    let problems: StepProblem[] | void;
    try {
      problems = await work(countBegins);
    } catch (error) {
      this.#append('failure', { ...named, problems: [] });
      throw error;
    }
    this.#append('end', { ...named, problems: problems ?? [] });
  }

  /** Notes that something began, and nothing of its end. */
  note(step: NotedStep): void {
    this.#append('begin', step);
  }

  #append(kind: JournalEntry['kind'], step: NotedStep): void {
    this.#lines.append({ at: Date.now(), pid: process.pid, kind, ...step });
  }
}

/** All entries of all processes, in the order in which they were made. */
export function readJournals(directory: string): JournalEntry[] {
  return readJsonLines<JournalEntry>(directory).sort((a, b) => a.at - b.at);
}

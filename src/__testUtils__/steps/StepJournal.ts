import fs from 'node:fs';
import { Tree } from './readTree';

/** A step that began: of which task, as what it is noted, and which files it found. */
export type BegunStep = {
  taskId: string;
  name: string;
  files: string[];
  /** Those with their contents and modes, see `readTree`. */
  tree: Tree;
  show?: string;
};

/** What steps note outside of the database, so that it is there whatever becomes of their process. */
export class StepJournal {
  constructor(private readonly file: string) {}

  /** @returns how often the step has begun by now. */
  add(step: BegunStep): number {
    fs.appendFileSync(this.file, `${JSON.stringify(step)}\n`);
    return this.of(step.taskId).filter(s => s.name === step.name).length;
  }

  /** The steps of a task that began, in their order. */
  of(taskId: string): BegunStep[] {
    const text = fs.existsSync(this.file)
      ? fs.readFileSync(this.file, 'utf8')
      : '';
    return text
      .split('\n')
      .filter(Boolean)
      .map((line): BegunStep => JSON.parse(line))
      .filter(step => step.taskId === taskId);
  }
}

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import path from 'node:path';

/** What one process notes, in a file of its own. There even if the process is killed. */
export class JsonLines<T> {
  readonly #file: string;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#file = path.join(directory, `${process.pid}-${Date.now()}.jsonl`);
  }

  append(entry: T): void {
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

/** What all processes noted in a folder, those of one process in their order. */
export function readJsonLines<T>(directory: string): T[] {
  // Nobody has noted anything before the first backend is up.
  return (existsSync(directory) ? readdirSync(directory) : [])
    .map(file => readFileSync(path.join(directory, file), 'utf8'))
    .flatMap(text => text.split('\n').filter(Boolean))
    .map(line => JSON.parse(line) as T);
}

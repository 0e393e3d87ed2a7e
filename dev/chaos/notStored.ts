import { stripVTControlCharacters } from 'node:util';

/** What a backend says once for each run of which a snapshot could not be stored (`Run.ts`). */
const LINES =
  /(?:Could not store the workspace of task|The workspace of task) ([0-9a-f-]{36})\b/g;

/** The tasks of which the log of one backend says that their files could not be stored. */
export function notStoredIn(log: string): string[] {
  const lines = stripVTControlCharacters(log).matchAll(LINES);
  return [...lines].map(([, taskId]) => taskId);
}

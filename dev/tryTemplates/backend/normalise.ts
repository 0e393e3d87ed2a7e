import { JsonValue } from '@backstage/types';

const TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g;
/** What the scaffolder names temporary folders of a step. */
const TEMPORARY = /(_step-[\w.-]+-)\w{6}\b/g;

/** Leaves out what differs between two runs that are the same: the id of the task, tokens of users, names of temporary folders. */
export function normalise<T extends JsonValue | undefined>(
  value: T,
  taskId: string,
): T {
  return value === undefined
    ? value
    : JSON.parse(
        JSON.stringify(value)
          .replaceAll(taskId, '<task>')
          .replace(TOKEN, '<token>')
          .replace(TEMPORARY, '$1<temporary>'),
      );
}

import { JsonObject } from '@backstage/types';
import type { StoreFault } from './storeFaults';

/** Where all backends store the files of tasks, beside the database. It can be disturbed. */
export type ChaosStore = {
  /** As it is configured in `scaffolder.recoverTasksWorkspaces.stores`. */
  entry: JsonObject;
  /** What else is configured for it, beside the scaffolder. */
  config: JsonObject;
  /** Disturbs it for so many milliseconds, and returns when it works again. */
  disturb(fault: StoreFault, ms: number): Promise<void>;
  /** What it has, as `<task id>/<name>`. */
  list(): Promise<string[]>;
  close(): Promise<void>;
};

import { JsonObject } from '@backstage/types';
import type { Feature } from './backend/features';

/** After how much silence a task counts as interrupted. */
type Timeout = { seconds: number };

/** One way to deal with interrupted tasks. */
export type Way = {
  name: 'default' | 'taskRecovery' | 'provider' | 'legacy' | 'module';
  heading: string;
  /**
   * The `scaffolder` section of the configuration.
   *
   * @param timeout - if it is not given, the section has only what switches the way on
   */
  configure(timeout?: Timeout): JsonObject;
  /** What else there is to know of it, in full sentences. */
  remark?: string;
  /** What its backends have beside the scaffolder. */
  feature: Feature;
  /** Whether templates have the legacy `EXPERIMENTAL_recovery`. */
  hasLegacyTemplates: boolean;
};

export const WAYS: Way[] = [
  {
    name: 'default',
    heading: 'default',
    configure: () => ({}),
    feature: 'none',
    hasLegacyTemplates: false,
  },
  {
    name: 'taskRecovery',
    heading: '`taskRecovery`',
    configure: timeout => ({
      taskRecovery: {
        enabled: true,
        ...(timeout && { staleTimeout: timeout }),
      },
    }),
    feature: 'none',
    hasLegacyTemplates: false,
  },
  {
    name: 'provider',
    heading: '`taskRecovery` with `workspace-database`',
    configure: timeout => ({
      taskRecovery: {
        enabled: true,
        ...(timeout && { staleTimeout: timeout }),
        workspaceProvider: 'database',
      },
    }),
    remark:
      'The workspace provider of `@backstage/plugin-scaffolder-backend-module-workspace-database` stores the whole workspace after each step, of up to 50 MB. It is meant for development: with `NODE_ENV=production` it is not registered unless `taskRecovery.database.dangerouslyEnableInProduction` is `true`. The compared backends run with `NODE_ENV=development`, in all rows but 13.',
    feature: 'provider',
    hasLegacyTemplates: false,
  },
  {
    name: 'legacy',
    heading: 'legacy `startOver`',
    configure: timeout => ({
      EXPERIMENTAL_recoverTasks: true,
      ...(timeout && { EXPERIMENTAL_recoverTasksTimeout: timeout }),
    }),
    feature: 'none',
    hasLegacyTemplates: true,
  },
  {
    name: 'module',
    heading: 'this module',
    configure: timeout => ({
      recoverTasks: true,
      ...(timeout && { recoverTasksTimeout: timeout }),
    }),
    feature: 'module',
    hasLegacyTemplates: false,
  },
];

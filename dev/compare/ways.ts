import { JsonObject } from '@backstage/types';
import type { RecoveryFeature } from '../harness/backend/features';
import { TIMEOUT_SECONDS } from './settings';

/** One way to deal with interrupted tasks. */
export type Way = {
  name: 'default' | 'taskRecovery' | 'provider' | 'legacy' | 'module';
  heading: string;
  /** The `scaffolder` section of the configuration. */
  scaffolder: JsonObject;
  /** What else there is to know of it, in full sentences. */
  remark?: string;
  /** What its backends have beside the scaffolder. */
  feature: RecoveryFeature;
  /** Whether templates have the legacy `EXPERIMENTAL_recovery`. */
  hasLegacyTemplates: boolean;
};

export const WAYS: Way[] = [
  {
    name: 'default',
    heading: 'default',
    scaffolder: {},
    feature: 'none',
    hasLegacyTemplates: false,
  },
  {
    name: 'taskRecovery',
    heading: '`taskRecovery`',
    scaffolder: {
      taskRecovery: {
        enabled: true,
        staleTimeout: { seconds: TIMEOUT_SECONDS },
      },
    },
    feature: 'none',
    hasLegacyTemplates: false,
  },
  {
    name: 'provider',
    heading: '`taskRecovery` with `workspace-database`',
    scaffolder: {
      taskRecovery: {
        enabled: true,
        staleTimeout: { seconds: TIMEOUT_SECONDS },
        workspaceProvider: 'database',
      },
    },
    remark:
      'The workspace provider of `@backstage/plugin-scaffolder-backend-module-workspace-database` stores the whole workspace after each step, of up to 50 MB. It is meant for development: with `NODE_ENV=production` it is not registered unless `taskRecovery.database.dangerouslyEnableInProduction` is `true`. The compared backends run with `NODE_ENV=development`.',
    feature: 'provider',
    hasLegacyTemplates: false,
  },
  {
    name: 'legacy',
    heading: 'legacy `startOver`',
    scaffolder: {
      EXPERIMENTAL_recoverTasks: true,
      EXPERIMENTAL_recoverTasksTimeout: { seconds: TIMEOUT_SECONDS },
    },
    feature: 'none',
    hasLegacyTemplates: true,
  },
  {
    name: 'module',
    heading: 'this module',
    scaffolder: {
      recoverTasks: true,
      recoverTasksTimeout: { seconds: TIMEOUT_SECONDS },
    },
    feature: 'module',
    hasLegacyTemplates: false,
  },
];

import { JsonObject } from '@backstage/types';
import path from 'node:path';
import { MODULE_STALE_HOURS, TIMEOUT_SECONDS } from './settings';

/** One way to deal with interrupted tasks. */
export type Way = {
  name: 'default' | 'taskRecovery' | 'legacy' | 'module';
  heading: string;
  /** The `scaffolder` section of the configuration. */
  scaffolder: JsonObject;
  /** What a backend runs. */
  entry: string;
  /** Whether templates have the legacy `EXPERIMENTAL_recovery`. */
  hasLegacyTemplates: boolean;
};

const WITHOUT_MODULE = path.join(__dirname, 'backendWithoutModule.ts');
const WITH_MODULE = path.join(__dirname, 'backendWithModule.ts');

export const WAYS: Way[] = [
  {
    name: 'default',
    heading: 'default',
    scaffolder: {},
    entry: WITHOUT_MODULE,
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
    entry: WITHOUT_MODULE,
    hasLegacyTemplates: false,
  },
  {
    name: 'legacy',
    heading: 'legacy `startOver`',
    scaffolder: {
      EXPERIMENTAL_recoverTasks: true,
      EXPERIMENTAL_recoverTasksTimeout: { seconds: TIMEOUT_SECONDS },
    },
    entry: WITHOUT_MODULE,
    hasLegacyTemplates: true,
  },
  {
    name: 'module',
    heading: 'this module',
    scaffolder: {
      recoverTasks: true,
      recoverTasksTimeout: { seconds: TIMEOUT_SECONDS },
      taskRecovery: {
        enabled: true,
        staleTimeout: { hours: MODULE_STALE_HOURS },
      },
    },
    entry: WITH_MODULE,
    hasLegacyTemplates: false,
  },
];

/* A backend with the module, for templates of test steps. */
import { startBackend } from '../backend/startBackend';
import { stepActions } from './stepActions';

startBackend(
  import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
  stepActions,
  import('../../../src'),
);

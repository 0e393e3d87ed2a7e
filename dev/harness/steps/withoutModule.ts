/* The same backend without the module. */
import { startBackend } from '../backend/startBackend';
import { stepActions } from './stepActions';

startBackend(
  import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
  stepActions,
);

/* The same backend without the module. */
import { startBackend } from '../startBackend';
import { stepActions } from './stepActions';

startBackend(
  import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
  stepActions,
);

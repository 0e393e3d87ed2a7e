/* The same backend without the module. */
import { createScaffolderBackend } from '../../../dev/harness/createScaffolderBackend';
import { stepActions } from './stepActions';

const backend = createScaffolderBackend();
backend.add(
  import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
);
backend.add(stepActions);
backend.start();

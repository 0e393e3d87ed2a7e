/* A backend with the module, for templates of test steps. */
import { createScaffolderBackend } from '../../../dev/harness/createScaffolderBackend';
import { stepActions } from './stepActions';

const backend = createScaffolderBackend();
backend.add(
  import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
);
backend.add(stepActions);
backend.add(import('../..'));
backend.start();

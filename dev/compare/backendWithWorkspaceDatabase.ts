/* The same backend with the workspace provider `database`. */
import { createScaffolderBackend } from '../harness/createScaffolderBackend';
import { comparedActions } from './actions';

const backend = createScaffolderBackend();
backend.add(comparedActions);
backend.add(
  import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
);
// As in `backendWithoutModule.ts`.
backend.start().catch(() => process.exit(1));

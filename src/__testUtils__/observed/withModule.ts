/* The same backend with this module. */
import { createScaffolderBackend } from '../../../dev/harness/createScaffolderBackend';
import { observedActions } from './actions';

const backend = createScaffolderBackend();
backend.add(observedActions);
backend.add(import('../..'));
backend.add(import('../../catalog'));
// As in `withoutModule.ts`.
backend.start().catch(() => process.exit(1));

/* The same backend with this module. */
import { createScaffolderBackend } from '../harness/createScaffolderBackend';
import { comparedActions } from './actions';

const backend = createScaffolderBackend();
backend.add(comparedActions);
backend.add(import('../../src'));
// As in `backendWithoutModule.ts`.
backend.start().catch(() => process.exit(1));

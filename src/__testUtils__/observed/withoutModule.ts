/* A backend without this module, whose actions log what they see. */
import { createScaffolderBackend } from '../../../dev/harness/createScaffolderBackend';
import { observedActions } from './actions';

const backend = createScaffolderBackend();
backend.add(observedActions);
// A backend that cannot start would otherwise stay there without ever being ready.
backend.start().catch(() => process.exit(1));

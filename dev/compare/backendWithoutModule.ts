/* What the scaffolder's own ways run, where no workspace provider is configured. */
import { createScaffolderBackend } from '../harness/createScaffolderBackend';
import { comparedActions } from './actions';

const backend = createScaffolderBackend();
backend.add(comparedActions);
// A backend that cannot start would otherwise stay there without ever being ready.
backend.start().catch(() => process.exit(1));

/*
 * The backend of `npm run compat`. It is not run here: it is copied to a folder that has one release of the scaffolder and the packed
 * module installed, and type-checked and compiled there.
 */
import { createScaffolderBackend } from '../../harness/createScaffolderBackend';
import { stepActions } from '../../../src/__testUtils__/steps/stepActions';
import { signInProvider } from '../../../src/__testUtils__/signIn';
import { policy } from './policy';

const backend = createScaffolderBackend();
backend.add(import('@backstage/plugin-notifications-backend'));
backend.add(import('@backstage/plugin-permission-backend'));
backend.add(policy);
backend.add(signInProvider);
backend.add(stepActions);
backend.add(import('backstage-plugin-scaffolder-backend-module-recovery'));
backend.add(
  import('backstage-plugin-scaffolder-backend-module-recovery/catalog'),
);
// A backend that cannot start would otherwise stay there without ever being ready.
backend.start().catch(() => process.exit(1));

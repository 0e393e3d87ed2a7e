/*
 * The backend of `npm run compat`. It is not run here: it is copied to a folder that has one release of the scaffolder and the packed
 * module installed, and type-checked and compiled there.
 */
import { signInProvider } from '../../harness/backend/signIn';
import { startBackend } from '../../harness/backend/startBackend';
import { stepActions } from '../../harness/steps/stepActions';
import { policy } from './policy';

startBackend(
  import('@backstage/plugin-notifications-backend'),
  import('@backstage/plugin-permission-backend'),
  policy,
  signInProvider,
  stepActions,
  import('backstage-plugin-scaffolder-backend-module-recovery'),
  import('backstage-plugin-scaffolder-backend-module-recovery/catalog'),
);

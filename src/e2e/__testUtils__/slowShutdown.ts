/*
 * A backend in which another module of the scaffolder takes its time to shut down. The scaffolder goes on to claim tasks
 * until that is through.
 */
import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleActions } from '../../../dev/harness/actions/sampleActions';
import { startBackend } from '../../../dev/harness/backend/startBackend';

const slowModule = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'slow-shutdown',
  register({ registerInit }) {
    registerInit({
      deps: { lifecycle: coreServices.lifecycle },
      async init({ lifecycle }) {
        lifecycle.addShutdownHook(() => sleep(20_000));
      },
    });
  },
});

startBackend(sampleActions, slowModule, import('../..'));

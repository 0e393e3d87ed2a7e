import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { metricsServiceRef } from '@backstage/backend-plugin-api/alpha';
import { catalogServiceRef } from '@backstage/plugin-catalog-node';
import { eventsServiceRef } from '@backstage/plugin-events-node';
import { notificationService } from '@backstage/plugin-notifications-node';
import { scaffolderWorkspaceProviderExtensionPoint } from '@backstage/plugin-scaffolder-node/alpha';
import { isRecoveryOn } from './config';
import { createRecovery } from './createRecovery';
import {
  logRecoveryOff,
  warnOfUnknownSettings,
} from './reporting/logConfiguration';

/**
 * Recovers scaffolder tasks that a restart of the backend interrupted, as each template asks for in its `spec.recovery`.
 * Does nothing unless `scaffolder.recoverTasks` is true, and says so if that is not set.
 *
 * @public
 */
export const scaffolderModuleRecovery = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'recovery',
  register({ registerInit }) {
    registerInit({
      deps: {
        auditor: coreServices.auditor,
        auth: coreServices.auth,
        catalog: catalogServiceRef,
        rootConfig: coreServices.rootConfig,
        rootLifecycle: coreServices.rootLifecycle,
        database: coreServices.database,
        events: eventsServiceRef,
        httpAuth: coreServices.httpAuth,
        httpRouter: coreServices.httpRouter,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        metrics: metricsServiceRef,
        notifications: notificationService,
        permissions: coreServices.permissions,
        permissionsRegistry: coreServices.permissionsRegistry,
        scheduler: coreServices.scheduler,
        workspaceProviders: scaffolderWorkspaceProviderExtensionPoint,
      },
      async init(deps) {
        const { rootConfig, logger } = deps;
        warnOfUnknownSettings(rootConfig, logger);
        if (isRecoveryOn(rootConfig)) {
          await createRecovery(deps);
        } else {
          logRecoveryOff(rootConfig, logger);
        }
      },
    });
  },
});

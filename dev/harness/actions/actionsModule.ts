import {
  coreServices,
  createBackendModule,
  RootConfigService,
} from '@backstage/backend-plugin-api';
import {
  scaffolderActionsExtensionPoint,
  TemplateAction,
} from '@backstage/plugin-scaffolder-node';

/** A module that adds actions to the scaffolder. */
export function actionsModule(
  moduleId: string,
  create: (config: RootConfigService) => TemplateAction<any, any, any>[],
) {
  return createBackendModule({
    pluginId: 'scaffolder',
    moduleId,
    register({ registerInit }) {
      registerInit({
        deps: {
          actions: scaffolderActionsExtensionPoint,
          config: coreServices.rootConfig,
        },
        async init({ actions, config }) {
          actions.addActions(...create(config));
        },
      });
    },
  });
}

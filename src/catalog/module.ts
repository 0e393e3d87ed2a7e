import { createBackendModule } from '@backstage/backend-plugin-api';
import { catalogProcessingExtensionPoint } from '@backstage/plugin-catalog-node';
import { TemplateRecoveryProcessor } from './TemplateRecoveryProcessor';

/**
 * Validates the recovery blocks of templates when the catalog reads them.
 *
 * @public
 */
export const catalogModuleTemplateRecovery = createBackendModule({
  pluginId: 'catalog',
  moduleId: 'scaffolder-recovery',
  register({ registerInit }) {
    registerInit({
      deps: { catalog: catalogProcessingExtensionPoint },
      async init({ catalog }) {
        catalog.addProcessor(new TemplateRecoveryProcessor());
      },
    });
  },
});

import { createBackendModule } from '@backstage/backend-plugin-api';
import { scaffolderTemplatingExtensionPoint } from '@backstage/plugin-scaffolder-node/alpha';
import { FILTERS_VARIABLE } from './variables';

/** Stands for the filters of a backend of one's own: each gives back what it gets. */
export const replacedFilters = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'replaced-filters',
  register({ registerInit }) {
    registerInit({
      deps: { templating: scaffolderTemplatingExtensionPoint },
      async init({ templating }) {
        const names = process.env[FILTERS_VARIABLE]!.split(',').filter(Boolean);
        templating.addTemplateFilters(
          Object.fromEntries(names.map(name => [name, value => value])),
        );
      },
    });
  },
});

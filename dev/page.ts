import {
  coreServices,
  createBackendFeatureLoader,
} from '@backstage/backend-plugin-api';

/** The scaffolder's page from `dev/app`, if the configuration asks for it. Most uses of the backend need neither it nor its build. */
export const page = createBackendFeatureLoader({
  deps: { config: coreServices.rootConfig },
  *loader({ config }) {
    if (config.has('app.packageName')) {
      yield import('@backstage/plugin-app-backend');
    }
  },
});

/*
 * A real Backstage backend around the module, with guest access and sample templates that do real work on disk.
 * `npm start` runs it with the scaffolder's page; the demo and the end-to-end tests run it with a further config file.
 */
import {
  coreServices,
  createBackendFeatureLoader,
} from '@backstage/backend-plugin-api';
import { sampleActions } from './harness/actions/sampleActions';
import { startBackend } from './harness/backend/startBackend';

/** The scaffolder's page from `dev/app`, if the configuration asks for it. Most uses of the backend need neither it nor its build. */
const page = createBackendFeatureLoader({
  deps: { config: coreServices.rootConfig },
  *loader({ config }) {
    if (config.has('app.packageName')) {
      yield import('@backstage/plugin-app-backend');
    }
  },
});

startBackend(
  import('@backstage/plugin-permission-backend'),
  import('@backstage/plugin-permission-backend-module-allow-all-policy'),
  sampleActions,
  page,
  import('../src'),
  import('../src/catalog'),
);

/*
 * A real Backstage backend around the module, with guest access and sample templates that do real work on disk.
 * `npm start` runs it with the scaffolder's page; the demo and the end-to-end tests run it with a further config file.
 */
import { createBackend } from '@backstage/backend-defaults';
import { page } from './page';
import { sampleActions } from './sampleActions';

const backend = createBackend();
backend.add(import('@backstage/plugin-auth-backend'));
backend.add(import('@backstage/plugin-auth-backend-module-guest-provider'));
backend.add(import('@backstage/plugin-catalog-backend'));
backend.add(
  import('@backstage/plugin-catalog-backend-module-scaffolder-entity-model'),
);
backend.add(import('@backstage/plugin-permission-backend'));
backend.add(
  import('@backstage/plugin-permission-backend-module-allow-all-policy'),
);
backend.add(import('@backstage/plugin-scaffolder-backend'));
backend.add(sampleActions);
backend.add(page);
backend.add(import('../src'));
backend.add(import('../src/catalog'));
backend.start();

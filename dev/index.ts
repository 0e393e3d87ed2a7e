/*
 * A real Backstage backend around the module, with guest access and sample templates that do real work on disk.
 * `npm start` runs it with the scaffolder's page; the demo and the end-to-end tests run it with a further config file.
 */
import { createScaffolderBackend } from './harness/createScaffolderBackend';
import { page } from './page';
import { sampleActions } from './sampleActions';

const backend = createScaffolderBackend();
backend.add(import('@backstage/plugin-permission-backend'));
backend.add(
  import('@backstage/plugin-permission-backend-module-allow-all-policy'),
);
backend.add(sampleActions);
backend.add(page);
backend.add(import('../src'));
backend.add(import('../src/catalog'));
backend.start();

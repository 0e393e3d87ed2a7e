/* The backend that chaos kills: as `dev/index.ts`, with the action that keeps a journal. */
import { createBackend } from '@backstage/backend-defaults';
import { chaosAction } from './chaosAction';

const backend = createBackend();
backend.add(import('@backstage/plugin-auth-backend'));
backend.add(import('@backstage/plugin-auth-backend-module-guest-provider'));
backend.add(import('@backstage/plugin-catalog-backend'));
backend.add(
  import('@backstage/plugin-catalog-backend-module-scaffolder-entity-model'),
);
backend.add(import('@backstage/plugin-scaffolder-backend'));
backend.add(chaosAction);
backend.add(import('../../src'));
// Without this a backend that cannot start, such as for want of PostgreSQL, stays there and is never ready (backend-app-api,
// which only logs it). An orchestrator would end it for that.
backend.start().catch(() => process.exit(1));

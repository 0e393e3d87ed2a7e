import { createBackend } from '@backstage/backend-defaults';
import { comparedActions } from './actions';

/** A backend with the scaffolder and what it needs, without any recovery but its own. */
export function createComparedBackend() {
  const backend = createBackend();
  backend.add(import('@backstage/plugin-auth-backend'));
  backend.add(import('@backstage/plugin-auth-backend-module-guest-provider'));
  backend.add(import('@backstage/plugin-catalog-backend'));
  backend.add(
    import('@backstage/plugin-catalog-backend-module-scaffolder-entity-model'),
  );
  backend.add(import('@backstage/plugin-scaffolder-backend'));
  backend.add(comparedActions);
  return backend;
}

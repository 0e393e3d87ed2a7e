import { createBackend } from '@backstage/backend-defaults';

type Feature = Parameters<ReturnType<typeof createBackend>['add']>[0];

/**
 * Starts a backend with the scaffolder and what it needs, without any recovery but its own.
 *
 * @param features - what it has beside that
 */
export function startBackend(...features: Feature[]): void {
  const backend = createBackend();
  for (const feature of [
    import('@backstage/plugin-auth-backend'),
    import('@backstage/plugin-auth-backend-module-guest-provider'),
    import('@backstage/plugin-catalog-backend'),
    import('@backstage/plugin-catalog-backend-module-scaffolder-entity-model'),
    import('@backstage/plugin-scaffolder-backend'),
    ...features,
  ]) {
    backend.add(feature);
  }
  // One that cannot start, such as for want of PostgreSQL, would otherwise stay there and never be ready (backend-app-api only
  // logs it). An orchestrator would end it for that.
  backend.start().catch(() => process.exit(1));
}

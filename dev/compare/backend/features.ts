/** What a backend has beside the scaffolder to recover tasks. */
export type Feature = 'none' | 'provider' | 'module';

const FEATURES: Record<Feature, () => Promise<any>[]> = {
  none: () => [],
  provider: () => [
    import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
  ],
  module: () => [import('backstage-plugin-scaffolder-backend-module-recovery')],
};

/** The environment variable that tells a backend what it has. */
export const FEATURE_VARIABLE = 'COMPARED_FEATURE';

/** What this process has, by the environment variable. */
export function comparedFeatures(): Promise<any>[] {
  return FEATURES[process.env[FEATURE_VARIABLE] as Feature]();
}

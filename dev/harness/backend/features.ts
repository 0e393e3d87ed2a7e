/** What a backend has beside the scaffolder to recover tasks. */
type RecoveryFeature = 'none' | 'provider' | 'module';

const FEATURES: Record<RecoveryFeature, () => Promise<any>[]> = {
  none: () => [],
  provider: () => [
    import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
  ],
  module: () => [import('../../../src')],
};

/** The environment variable that tells a backend what it has. */
export const FEATURE_VARIABLE = 'RECOVERY_FEATURE';

/** What this process has, by the environment variable. */
export function recoveryFeatures(): Promise<any>[] {
  return FEATURES[process.env[FEATURE_VARIABLE] as RecoveryFeature]();
}

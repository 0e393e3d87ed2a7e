/* The backend of all ways. What it has beside the scaffolder is what COMPARED_FEATURE names. */
import { startBackend } from '../harness/startBackend';
import { comparedActions } from './actions';
import type { Way } from './ways';

const FEATURES: Record<Way['feature'], () => Promise<any>[]> = {
  none: () => [],
  provider: () => [
    import('@backstage/plugin-scaffolder-backend-module-workspace-database'),
  ],
  module: () => [import('../../src')],
};

const name = process.env.COMPARED_FEATURE as Way['feature'];
startBackend(comparedActions, ...FEATURES[name]());

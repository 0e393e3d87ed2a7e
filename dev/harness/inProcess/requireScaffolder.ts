import { resolvePackagePath } from '@backstage/backend-plugin-api';
import path from 'node:path';

/**
 * Loads a file of the scaffolder that its package does not export.
 *
 * @param file - below `dist/scaffolder` of 4.2.0
 */
export function requireScaffolder(file: string): any {
  return require(
    path.join(
      resolvePackagePath('@backstage/plugin-scaffolder-backend'),
      'dist/scaffolder',
      file,
    ),
  );
}

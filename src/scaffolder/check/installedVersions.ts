import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Versions as their `package.json` has them. One that cannot be read is missing. */
export type InstalledVersions = { scaffolder?: string; module?: string };

/**
 * Reads which scaffolder this module finds from where it is installed, and what it is itself.
 *
 * @param resolve - finds the file of a package, or throws; for tests
 */
export function readInstalledVersions(
  resolve: (file: string) => string = createRequire(__filename).resolve,
): InstalledVersions {
  return {
    scaffolder: readVersion(() =>
      resolve('@backstage/plugin-scaffolder-backend/package.json'),
    ),
    // As far from src/scaffolder/check as from dist/scaffolder/check.
    module: readVersion(() =>
      // eslint-disable-next-line no-restricted-syntax
      path.resolve(__dirname, '../../../package.json'),
    ),
  };
}

function readVersion(findFile: () => string): string | undefined {
  try {
    const { version } = JSON.parse(readFileSync(findFile(), 'utf8'));
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

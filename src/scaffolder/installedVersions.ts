import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Versions as their `package.json` has them. One that cannot be read is missing. */
export type InstalledVersions = { scaffolder?: string; module?: string };

/** Reads which scaffolder this module finds from where it is installed, and what it is itself. */
export function readInstalledVersions(): InstalledVersions {
  return {
    scaffolder: readVersion(() =>
      createRequire(__filename).resolve(
        '@backstage/plugin-scaffolder-backend/package.json',
      ),
    ),
    // As far from src/scaffolder as from dist/scaffolder.
    // eslint-disable-next-line no-restricted-syntax
    module: readVersion(() => path.resolve(__dirname, '../../package.json')),
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

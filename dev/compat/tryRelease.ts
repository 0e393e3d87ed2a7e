import fs from 'node:fs/promises';
import path from 'node:path';
import type { Limit } from 'p-limit';
import { PACKAGE } from '../harness/prepare/packModule';
import { compileBackend } from '../harness/release/compileBackend';
import {
  Duplicate,
  findAddedDuplicates,
  findDuplicates,
  LockedPackages,
} from './duplicates';
import { Outcome } from './experiment';
import { EXPERIMENTS } from './experiments';
import {
  InstallOptions,
  installRelease,
} from '../harness/release/installRelease';
import { provideSqlite } from '../harness/release/provideSqlite';
import { Release } from '../harness/release/releases';
import { runExperiment } from './runExperiment';

const ENTRY = 'dev/compat/backend/index.ts';

/** What that has beside what each backend has. */
const PACKAGES = [
  '@backstage/plugin-auth-node',
  '@backstage/plugin-notifications-backend',
  '@backstage/plugin-permission-backend',
  '@backstage/plugin-permission-common',
  '@backstage/plugin-permission-node',
  '@backstage/plugin-scaffolder-common',
];

/** What has to work with the same copies of packages as the module. */
const SHARED_WITH = [
  '@backstage/plugin-scaffolder-backend',
  '@backstage/plugin-catalog-backend',
  '@backstage/backend-defaults',
];

/**
 * Installs one release of the scaffolder with the packed module, and tries it.
 *
 * @param options.limit - runs the experiments, so many at once over all releases
 * @param options.asked - that this process is to end
 */
export async function tryRelease(
  release: Release,
  options: Omit<InstallOptions, 'packages'> & {
    limit: Limit;
    asked: AbortSignal;
  },
): Promise<Outcome[]> {
  const { directory, node, limit, asked } = options;
  const installation = { directory, node };
  const say = (text: string) => console.log(`${release.version}: ${text}`);

  let startedAt = Date.now();
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(0)} s`;
  await installRelease(release, { ...options, packages: PACKAGES });
  await provideSqlite(installation);
  say(`npm install took ${seconds()}`);

  const packages = await readLock(directory);
  const all = findDuplicates(packages);
  say(`in more than one version: ${describe(all) || 'no Backstage package'}`);
  const added = findAddedDuplicates(packages, PACKAGE, SHARED_WITH);
  const outcomes: Outcome[] = [
    {
      row: 'one copy of each Backstage package',
      problem: describe(added) || undefined,
    },
  ];

  startedAt = Date.now();
  const entry = await compileBackend(installation, ENTRY);
  say(`the types fit, which took ${seconds()}`);
  outcomes.push({ row: 'a backend in strict TypeScript compiles' });

  startedAt = Date.now();
  const results = await Promise.all(
    EXPERIMENTS.map(experiment =>
      limit(async () => {
        const found = await runExperiment(experiment, {
          installation,
          entry,
          asked,
        });
        found.forEach(({ row, problem }) =>
          say(problem ? `✗ ${row}: ${problem}` : `✓ ${row}`),
        );
        return found;
      }),
    ),
  );
  say(`the backends took ${seconds()}`);
  return [...outcomes, ...results.flat()];
}

async function readLock(directory: string): Promise<LockedPackages> {
  const lock = path.join(directory, 'package-lock.json');
  return JSON.parse(await fs.readFile(lock, 'utf8')).packages;
}

function describe(duplicates: Duplicate[]): string {
  return duplicates
    .map(({ name, versions }) => `${name} ${versions.join(' and ')}`)
    .join(', ');
}

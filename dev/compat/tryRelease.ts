import fs from 'node:fs/promises';
import path from 'node:path';
import { PACKAGE } from '../harness/prepare/packModule';
import { compileBackend } from './compileBackend';
import {
  Duplicate,
  findAddedDuplicates,
  findDuplicates,
  LockedPackages,
} from './install/duplicates';
import { Outcome } from './experiment';
import { EXPERIMENTS } from './experiments';
import { InstallOptions, installRelease } from './install/installRelease';
import { provideSqlite } from './install/provideSqlite';
import { Release } from './install/releases';
import { runExperiment } from './runExperiment';
import { Slots } from './Slots';

/** What has to work with the same copies of packages as the module. */
const SHARED_WITH = [
  '@backstage/plugin-scaffolder-backend',
  '@backstage/plugin-catalog-backend',
  '@backstage/backend-defaults',
];

/**
 * Installs one release of the scaffolder with the packed module, and tries it.
 *
 * @param options.slots - for the experiments, which wait for one each
 * @param options.asked - that this process is to end
 */
export async function tryRelease(
  release: Release,
  options: InstallOptions & { slots: Slots; asked: AbortSignal },
): Promise<Outcome[]> {
  const { directory, node, slots, asked } = options;
  const installation = { directory, node };
  const say = (text: string) => console.log(`${release.version}: ${text}`);

  let startedAt = Date.now();
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(0)} s`;
  await installRelease(release, options);
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
  const entry = await compileBackend(installation);
  say(`the types fit, which took ${seconds()}`);
  outcomes.push({ row: 'a backend in strict TypeScript compiles' });

  startedAt = Date.now();
  const results = await Promise.all(
    EXPERIMENTS.map(experiment =>
      slots.use(async () => {
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

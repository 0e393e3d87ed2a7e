import fs from 'node:fs/promises';
import path from 'node:path';
import { Installation } from '../backend/BackendProcess';
import { envOf } from '../command/nodeVersions';
import { run } from '../command/run';

const REPOSITORY = path.resolve(__dirname, '../../..');
const BUILD = 'build';

const STRICT = {
  strict: true,
  skipLibCheck: true,
  esModuleInterop: true,
  target: 'ES2022',
  lib: ['ES2023', 'DOM'],
  types: ['node'],
  rootDir: '.',
};

/**
 * Type-checks and compiles a backend of this repository with the packages of an installation: once as Backstage's own tsconfig resolves
 * packages, which is by their `exports`, and once as older ones do, by `typesVersions`.
 *
 * @param entry - what to run, below the repository. It may import from its own folder and from `dev/harness`. These are copied to the
 *   same places, so that imports hold; what it does not import is not compiled
 * @returns the file to run
 * @throws Error with what the compiler said
 */
export async function compileBackend(
  installation: Installation,
  entry: string,
): Promise<string> {
  const { directory } = installation;
  for (const source of ['dev/harness', path.dirname(entry)]) {
    await fs.cp(path.join(REPOSITORY, source), path.join(directory, source), {
      recursive: true,
    });
  }
  await tsc(installation, 'tsconfig.exports.json', entry, {
    module: 'ES2020',
    moduleResolution: 'bundler',
    noEmit: true,
  });
  await tsc(installation, 'tsconfig.json', entry, {
    module: 'CommonJS',
    moduleResolution: 'node10',
    outDir: BUILD,
  });
  return path.join(directory, BUILD, entry.replace(/ts$/, 'js'));
}

async function tsc(
  { directory, node }: Installation,
  name: string,
  entry: string,
  compilerOptions: object,
): Promise<void> {
  const tsconfig = {
    files: [entry],
    compilerOptions: { ...STRICT, ...compilerOptions },
  };
  await fs.writeFile(path.join(directory, name), JSON.stringify(tsconfig));
  await run(node, ['node_modules/typescript/bin/tsc', '-p', name], {
    cwd: directory,
    env: envOf(node),
  });
}

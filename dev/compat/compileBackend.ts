import fs from 'node:fs/promises';
import path from 'node:path';
import { Installation } from '../harness/backend/BackendProcess';
import { envOf } from '../harness/command/nodeVersions';
import { run } from '../harness/command/run';

const REPOSITORY = path.resolve(__dirname, '../..');
const ENTRY = 'dev/compat/backend/index.ts';
const BUILD = 'build';

/** What the backend is made of. Copied at the same places, so that its imports hold. */
const SOURCES = [
  'dev/compat/backend',
  'dev/harness/actions/actionsModule.ts',
  'dev/harness/actions/journal.ts',
  'dev/harness/backend/signIn.ts',
  'dev/harness/backend/startBackend.ts',
  'dev/harness/steps/readTree.ts',
  'dev/harness/steps/stepActions.ts',
];

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
 * Type-checks and compiles the backend with the packages of an installation: once as Backstage's own tsconfig resolves packages,
 * which is by their `exports`, and once as older ones do, by `typesVersions`.
 *
 * @returns the file to run
 * @throws Error with what the compiler said
 */
export async function compileBackend(
  installation: Installation,
): Promise<string> {
  const { directory } = installation;
  for (const source of SOURCES) {
    await fs.cp(path.join(REPOSITORY, source), path.join(directory, source), {
      recursive: true,
    });
  }
  await tsc(installation, 'tsconfig.exports.json', {
    module: 'ES2020',
    moduleResolution: 'bundler',
    noEmit: true,
  });
  await tsc(installation, 'tsconfig.json', {
    module: 'CommonJS',
    moduleResolution: 'node10',
    outDir: BUILD,
  });
  return path.join(directory, BUILD, ENTRY.replace(/ts$/, 'js'));
}

async function tsc(
  { directory, node }: Installation,
  name: string,
  compilerOptions: object,
): Promise<void> {
  const tsconfig = {
    files: [ENTRY],
    compilerOptions: { ...STRICT, ...compilerOptions },
  };
  await fs.writeFile(path.join(directory, name), JSON.stringify(tsconfig));
  await run(node, ['node_modules/typescript/bin/tsc', '-p', name], {
    cwd: directory,
    env: envOf(node),
  });
}

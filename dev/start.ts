/*
 * What `npm start` runs: a backend with the scaffolder's page. It can be interrupted, here or from outside, and is started
 * again each time, as an orchestrator would.
 */
import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { buildApp } from './harness/prepare/buildApp';
import { checkSqlite } from './harness/prepare/checkSqlite';
import { NODE_TRANSFORM } from './harness/backend/nodeTransform';

const KEYS = `
  Enter      restarts the backend as a deployment does (SIGTERM)
  k, Enter   kills it as a crash does (SIGKILL), and starts it again.
             Tasks go on when it is up
  Ctrl-C     ends it
`;

let backend: ChildProcess | undefined;
let isEnding = false;

async function main(): Promise<void> {
  checkSqlite();
  const packageName = buildApp();
  while (!isEnding) {
    backend = startBackend(packageName);
    console.log(`\nhttp://localhost:7007 (process ${backend.pid})\n${KEYS}`);
    const [code] = await once(backend, 'exit');
    if (code) {
      // It ended by itself, as with a configuration that cannot work. It would be no different the next time.
      process.exit(code);
    }
  }
  process.exit();
}

function startBackend(packageName: string): ChildProcess {
  return spawn(
    process.execPath,
    [
      ...NODE_TRANSFORM,
      path.join(__dirname, 'index.ts'),
      ...['--config', path.join(__dirname, 'harness/backend/app-config.yaml')],
      ...['--config', path.join(__dirname, 'app-config.yaml')],
    ],
    {
      cwd: path.resolve(__dirname, '..'),
      env: {
        ...process.env,
        NODE_ENV: 'development',
        // Backstage's own way to configure by the environment.
        APP_CONFIG_app_packageName: packageName,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
}

process.on('SIGINT', () => {
  // Ctrl-C reaches the backend by itself.
  isEnding = true;
});
process.on('SIGTERM', () => {
  isEnding = true;
  backend?.kill('SIGTERM');
});
process.stdin.on('data', line =>
  backend?.kill(String(line).trim() === 'k' ? 'SIGKILL' : 'SIGTERM'),
);

void main();

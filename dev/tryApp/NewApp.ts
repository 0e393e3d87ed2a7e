import { JsonObject } from '@backstage/types';
import fs from 'node:fs/promises';
import path from 'node:path';
import { PACKAGE } from '../harness/prepare/packModule';
import { CommandFailed, run } from '../harness/command/run';

const NAME = 'new-app';

/** How often an installation is tried: yarn 4.13 crashes now and then when a request times out. */
const INSTALL_ATTEMPTS = 3;

/** An app as `@backstage/create-app` makes it, with this module installed. */
export class NewApp {
  private constructor(
    /** Its folder. */
    readonly directory: string,
    readonly env: NodeJS.ProcessEnv,
    private readonly signal: AbortSignal,
    /** The backend's index.ts as create-app wrote it. */
    private readonly index: string,
  ) {}

  /**
   * Makes an app.
   *
   * @param parent - an existing folder to make it in
   * @param env - in which `backstage-create-app` and `yarn` are found
   */
  static async create(
    parent: string,
    env: NodeJS.ProcessEnv,
    signal: AbortSignal,
  ): Promise<NewApp> {
    await run('backstage-create-app', ['--skip-install'], {
      cwd: parent,
      env: { ...env, BACKSTAGE_APP_NAME: NAME },
      signal,
    });
    const directory = path.join(parent, NAME);
    const index = await fs.readFile(indexOf(directory), 'utf8');
    return new NewApp(directory, env, signal, index);
  }

  /**
   * Puts the packed module among the backend's dependencies, and installs the whole app.
   *
   * With the versions of Backstage that create-app names, as its yarn.lock seed has them. It gets that from GitHub, and goes on
   * without if it cannot. Then the newest versions that its ranges allow are of several releases of Backstage, and need not work
   * together.
   */
  async install(tarball: string): Promise<void> {
    for (const folder of ['.', 'packages/app', 'packages/backend']) {
      const file = path.join(this.directory, folder, 'package.json');
      const manifest = JSON.parse(await fs.readFile(file, 'utf8'));
      pinBackstage(manifest.dependencies);
      pinBackstage(manifest.devDependencies);
      if (folder === 'packages/backend') {
        manifest.dependencies[PACKAGE] = `file:${tarball}`;
      }
      await fs.writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
    }
    for (let attempt = 1; ; attempt++) {
      try {
        await this.yarn('install');
        return;
      } catch (error) {
        if (attempt === INSTALL_ATTEMPTS || this.signal.aborted) {
          throw error;
        }
      }
    }
  }

  /** The version of a package that the app has. */
  async versionOf(name: string): Promise<string> {
    const file = path.join(
      this.directory,
      'node_modules',
      name,
      'package.json',
    );
    return JSON.parse(await fs.readFile(file, 'utf8')).version;
  }

  /** Runs yarn in the app's folder, and returns what it wrote to stdout. */
  async yarn(...args: string[]): Promise<string> {
    const { directory: cwd, env, signal } = this;
    return run('yarn', args, { cwd, env, signal });
  }

  /** Runs the app's `backstage-cli`. Without an error: what it complained of, if it failed. */
  async complaintOf(...args: string[]): Promise<string | undefined> {
    try {
      await this.yarn('backstage-cli', ...args);
      return undefined;
    } catch (error) {
      if (error instanceof CommandFailed) {
        return error.output;
      }
      throw error;
    }
  }

  /** Writes a further configuration file and returns its path. */
  async writeConfig(name: string, config: JsonObject): Promise<string> {
    const file = path.join(this.directory, name);
    // JSON is YAML.
    await fs.writeFile(file, JSON.stringify(config));
    return file;
  }

  /** The two lines in the app's own app-config.yaml. */
  async switchOn(): Promise<void> {
    const file = path.join(this.directory, 'app-config.yaml');
    const text = await fs.readFile(file, 'utf8');
    await fs.writeFile(
      file,
      replaceOnce(
        text,
        '\nscaffolder:\n',
        '\nscaffolder:\n  recoverTasks: true\n',
      ),
    );
  }

  /** A backend without a line for any plugin or module. */
  async useDiscovery(): Promise<void> {
    await fs.copyFile(
      path.join(__dirname, 'backendWithDiscovery.ts'),
      indexOf(this.directory),
    );
  }

  /** create-app's backend with the lines that the README asks for. */
  async useLines(): Promise<void> {
    const scaffolder = `backend.add(import('@backstage/plugin-scaffolder-backend'));\n`;
    const lines = `backend.add(import('${PACKAGE}'));\nbackend.add(import('${PACKAGE}/catalog'));\n`;
    await fs.writeFile(
      indexOf(this.directory),
      replaceOnce(this.index, scaffolder, scaffolder + lines),
    );
  }
}

function pinBackstage(dependencies: Record<string, string> = {}): void {
  for (const [name, range] of Object.entries(dependencies)) {
    if (name.startsWith('@backstage/')) {
      dependencies[name] = range.replace(/^\^/, '');
    }
  }
}

function indexOf(directory: string): string {
  return path.join(directory, 'packages/backend/src/index.ts');
}

function replaceOnce(text: string, found: string, replacement: string): string {
  if (text.split(found).length !== 2) {
    throw new Error(
      `create-app's files have changed: not exactly one ${JSON.stringify(found)} in\n${text}\nAdapt dev/tryApp/NewApp.ts to it.`,
    );
  }
  return text.replace(found, () => replacement);
}

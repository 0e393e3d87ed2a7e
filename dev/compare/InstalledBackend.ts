import fs from 'node:fs/promises';
import path from 'node:path';
import type { Installation } from '../harness/backend/BackendProcess';
import { packModule } from '../harness/prepare/packModule';
import { compileBackend } from '../harness/release/compileBackend';
import { installRelease } from '../harness/release/installRelease';
import { provideSqlite } from '../harness/release/provideSqlite';
import type { Release } from '../harness/release/releases';

const ENTRY = 'dev/compare/backend/index.ts';

/** What that has beside what each backend has. */
const PACKAGES = [
  '@backstage/plugin-scaffolder-backend-module-workspace-database',
];

/** The backend of all ways, in a folder with one release of the scaffolder and the packed module. */
export class InstalledBackend {
  private constructor(
    readonly installation: Installation,
    /** What to run. */
    readonly entry: string,
  ) {}

  /**
   * @param root - an existing folder that takes all of it
   * @throws Error with what npm or the compiler said
   */
  static async create(
    release: Release,
    root: string,
  ): Promise<InstalledBackend> {
    const makeFolder = async (name: string) => {
      const directory = path.join(root, name);
      await fs.mkdir(directory);
      return directory;
    };
    const tarball = packModule(await makeFolder('module'));
    const node = process.execPath;
    const nodeVersion = process.versions.node;
    const directory = await makeFolder(release.version);
    const options = { directory, tarball, node, nodeVersion };
    await installRelease(release, { ...options, packages: PACKAGES });
    const installation = { directory, node };
    await provideSqlite(installation);
    return new InstalledBackend(
      installation,
      await compileBackend(installation, ENTRY),
    );
  }

  /** The version of a package that is installed. */
  versionOf(name: string): string {
    const { directory } = this.installation;
    return require(path.join(directory, 'node_modules', name, 'package.json'))
      .version;
  }
}

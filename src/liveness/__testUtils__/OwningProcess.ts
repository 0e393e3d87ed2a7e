import {
  createMockDirectory,
  mockServices,
  TestDatabaseId,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import {
  insertTask,
  migrateScaffolder,
} from '../../__testUtils__/scaffolderDatabase';
import { TASKS } from '../../scaffolder/tables';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { OwnedRuns } from '../ownership/OwnedRuns';

/** A process that owns the runs that it claims. */
export class OwningProcess {
  readonly directory = createMockDirectory();
  readonly logger = mockServices.logger.mock();
  knex!: Knex;
  folders!: RunFolders;
  runs!: OwnedRuns;
  /** Ends with the test: what goes on until the end of the process would go on in the tests that follow. */
  lifetime!: AbortController;

  private constructor() {}

  /** A new one before each test, on a database without tasks. To be called in a `describe`. */
  static inEachTest(
    databases: TestDatabases,
    databaseId: TestDatabaseId,
  ): OwningProcess {
    const owner = new OwningProcess();
    beforeAll(async () => {
      owner.knex = await databases.init(databaseId);
      await migrateScaffolder(owner.knex);
    });
    beforeEach(async () => {
      const { knex, directory, logger } = owner;
      jest.clearAllMocks();
      directory.clear();
      await knex(TASKS).delete();
      owner.folders = new RunFolders(directory.path, logger);
      owner.runs = new OwnedRuns({ knex, folders: owner.folders });
      owner.lifetime = new AbortController();
    });
    afterEach(() => owner.lifetime.abort());
    return owner;
  }

  /** A task that it has claimed, whose run has not begun. */
  async claimed(): Promise<string> {
    const id = await insertTask(this.knex, { silentSeconds: 0 });
    await this.runs.claimed(id);
    return id;
  }

  /** A task that it runs. */
  async running(): Promise<string> {
    const id = await this.claimed();
    fs.mkdirSync(this.directory.resolve(id));
    return id;
  }
}

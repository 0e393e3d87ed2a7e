import { mockServices, TestDatabaseId } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  insertTask,
  migrateScaffolder,
} from '../../__testUtils__/scaffolderDatabase';
import { DbSnapshotRow, SNAPSHOTS } from '../../database/tables';
import { TEST_CREDENTIALS } from '../../../dev/harness/S3Server';
import { OrphanCleaner } from '../snapshots/cleaning/OrphanCleaner';
import { StoreCleaner } from '../snapshots/cleaning/StoreCleaner';
import { Snapshots, SnapshotsOptions } from '../snapshots/Snapshots';
import { openStores } from '../stores/openStores';
import { PackStore } from '../stores/PackStore';
import { Stores } from '../stores/Stores';
import { createTestStore, Place, TestStore } from './testStores';

/** With the credentials for the server of S3 of the tests. */
const rootConfig = mockServices.rootConfig({
  data: { aws: { mainAccount: TEST_CREDENTIALS } },
});

/** Databases as `TestDatabases.create` returns them. */
type Databases = { init(id: TestDatabaseId): Promise<Knex> };

/** All that were made and not yet removed. */
const sites: { snapshots: Snapshots; folder: string }[] = [];
const testStores: TestStore[] = [];

/** A task with a workspace, and what takes snapshots of it. As a process of its own it can be had a second time. */
export class Site {
  private constructor(
    readonly knex: Knex,
    readonly taskId: string,
    readonly testStore: TestStore,
    readonly folder: string,
    readonly stores: Stores,
    readonly snapshots: Snapshots,
    readonly logger: ReturnType<typeof mockServices.logger.mock>,
  ) {}

  static async create(
    databases: Databases,
    place: Place,
    options: Partial<SnapshotsOptions> = {},
  ): Promise<Site> {
    const knex = await databases.init(place.databaseId);
    await migrateScaffolder(knex);
    const testStore = await createTestStore(knex, place);
    testStores.push(testStore);
    return Site.#on(knex, await insertTask(knex), testStore, options);
  }

  /** Another process with the same task, and a folder of its own. */
  another(options: Partial<SnapshotsOptions> = {}): Site {
    return Site.#on(this.knex, this.taskId, this.testStore, options);
  }

  static #on(
    knex: Knex,
    taskId: string,
    testStore: TestStore,
    options: Partial<SnapshotsOptions>,
  ) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'workspace-'));
    const logger = mockServices.logger.mock();
    const limits = { maxBytes: 100_000_000, maxFiles: 10_000 };
    const { entry, keys } = testStore;
    const stores =
      options.stores ??
      openStores([entry], { knex, rootConfig }).withKeys(keys);
    const snapshots = new Snapshots({
      knex,
      limits,
      logger,
      ...options,
      stores,
    });
    const site = new Site(
      knex,
      taskId,
      testStore,
      folder,
      stores,
      snapshots,
      logger,
    );
    sites.push(site);
    return site;
  }

  /** Stores that are as those of this site but for single functions of the first one, which can call those of its store. */
  storesWith(replaced: (store: PackStore) => Partial<PackStore>): Stores {
    const { id, store } = this.stores.first;
    const others = this.stores.all.slice(1);
    return new Stores(
      {
        id,
        store: {
          put: (...args) => store.put(...args),
          get: (...args) => store.get(...args),
          delete: (...args) => store.delete(...args),
          list: taskId => store.list(taskId),
          ...replaced(store),
        },
      },
      ...others,
    ).withKeys(this.stores.keys);
  }

  async begin(from?: number): Promise<void> {
    const { taskId, folder } = this;
    await this.snapshots.begin({ taskId, path: folder, from, attempt: 1 });
  }

  /** Takes a snapshot and returns its row. */
  async take(): Promise<DbSnapshotRow> {
    await this.snapshots.take({ taskId: this.taskId, path: this.folder });
    const rows = await this.rows();
    return rows.at(-1)!;
  }

  async rows(): Promise<DbSnapshotRow[]> {
    return this.knex<DbSnapshotRow>(SNAPSHOTS)
      .where('task_id', this.taskId)
      .orderBy('number');
  }

  async count(table: string): Promise<number> {
    const rows = await this.knex(table).where('task_id', this.taskId);
    return rows.length;
  }

  /**
   * Deletes from the stores what needs no snapshots any more, as a process of the cluster does every few minutes.
   *
   * @param settleSeconds - how long nothing must have been there before the task is forgotten
   */
  async cleanStores(settleSeconds = 240): Promise<void> {
    const { knex, stores, logger } = this;
    const options = { knex, stores, settleSeconds, logger };
    await new OrphanCleaner(options).clean();
    await new StoreCleaner(options).clean();
  }

  /** What the store has of the task. */
  async packs(): Promise<string[]> {
    return this.stores.first.store.list(this.taskId);
  }

  /** What was logged as a warning. */
  warnings(): string[] {
    return this.logger.warn.mock.calls.map(([message]) => message);
  }
}

/** Ends all threads and deletes all folders and stores. */
export async function removeSites(): Promise<void> {
  for (const { snapshots, folder } of sites.splice(0)) {
    await snapshots.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  for (const store of testStores.splice(0)) {
    await store.remove();
  }
}

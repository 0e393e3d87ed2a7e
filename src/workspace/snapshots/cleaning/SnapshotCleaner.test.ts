import { TestDatabases } from '@backstage/backend-test-utils';
import { randomUUID } from 'node:crypto';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { ATTEMPTS, PACKS, SNAPSHOTS, STORED } from '../../../database/tables';
import { TASKS } from '../../../scaffolder/tables';
import { removeSites, Site } from '../../__testUtils__/Site';
import { writeFiles } from '../../__testUtils__/writeFiles';
import { SnapshotCleaner } from './SnapshotCleaner';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

afterEach(removeSites);

it.each(databases.eachSupportedId())(
  'the snapshots of tasks are deleted that completed, and that ended otherwise long ago, on %s',
  async databaseId => {
    const knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
    const create = async (status: string, silentSeconds: number) => {
      const taskId = await insertTask(knex, { status, silentSeconds });
      const row = { kind: 'begin', epoch: 1, last_event: 0, files: 0 };
      await knex(SNAPSHOTS).insert({
        ...row,
        ...{ task_id: taskId, number: 1, bytes: 0, stored_bytes: 0 },
      });
      return taskId;
    };
    const createWithPackOnly = async (status: string) => {
      const taskId = await insertTask(knex, { status, silentSeconds: 5 });
      const pack = { pack: randomUUID(), content: Buffer.from('x') };
      await knex(PACKS).insert({ task_id: taskId, ...pack });
      return taskId;
    };
    const unneeded = [
      // A process was killed while it deleted them.
      await createWithPackOnly('completed'),
      await create('completed', 5),
      await create('failed', 120),
      await create('cancelled', 120),
    ];
    const createWithStrategy = async (...strategies: (string | null)[]) => {
      const taskId = await create('failed', 5);
      for (const [i, strategy] of strategies.entries()) {
        await knex(ATTEMPTS).insert({
          ...{ task_id: taskId, attempt: i + 1, decision: 'resume', strategy },
        });
      }
      return taskId;
    };
    // Their strategy was not known when the files were stored.
    unneeded.push(await createWithStrategy(null, 'none'));
    unneeded.push(await createWithStrategy('restart'));
    await createWithStrategy('idempotent');
    await createWithStrategy('none', 'idempotent');
    await create('failed', 5);
    // Its first snapshot is being made.
    await createWithPackOnly('processing');
    await create('cancelled', 5);
    await create('processing', 120);
    await create('open', 120);
    // Without any snapshot.
    await insertTask(knex, { status: 'completed', silentSeconds: 120 });

    const snapshots = { forget: jest.fn() };
    await new SnapshotCleaner({
      knex,
      snapshots,
      cleaners: [],
      keepSeconds: 60,
    }).clean();
    const [[forgotten]] = snapshots.forget.mock.calls;
    expect(forgotten.sort()).toEqual(unneeded.sort());
  },
);

it.each(databases.eachSupportedId())(
  'snapshots are deleted without a word to another store, which may be slow, and what it has is left to who cleans it, on %s',
  async databaseId => {
    const site = await Site.create(databases, {
      databaseId,
      store: 'directory',
    });
    await site.begin();
    writeFiles(site.folder, { file: 'F' });
    await site.take();
    await site.knex(TASKS).update({ status: 'completed' });
    const asked = jest.fn(async () => {
      throw new Error('It does not answer');
    });
    const { snapshots } = site.another({
      stores: site.storesWith(() => ({ list: asked, delete: asked })),
    });
    await new SnapshotCleaner({
      knex: site.knex,
      snapshots,
      cleaners: [],
      keepSeconds: 60,
    }).clean();
    expect(asked).not.toHaveBeenCalled();
    expect(await site.rows()).toEqual([]);
    expect(await site.knex(STORED)).toMatchObject([{ emptied_at: null }]);
    await site.cleanStores();
    expect(await site.packs()).toEqual([]);
  },
);

it.each(databases.eachSupportedId())(
  'nothing is deleted of a task that was started again meanwhile, whose run goes on to store its files, on %s',
  async databaseId => {
    const site = await Site.create(databases, {
      databaseId,
      store: 'database',
    });
    await site.begin();
    writeFiles(site.folder, { file: 'F' });
    await site.take();
    const packs = await site.packs();
    await site.snapshots.forget([site.taskId], { ifEnded: true });
    expect(await site.packs()).toEqual(packs);
    writeFiles(site.folder, { more: 'M' });
    expect(await site.take()).toMatchObject({ number: 3 });

    await site.knex(TASKS).update({ status: 'completed' });
    await site.snapshots.forget([site.taskId], { ifEnded: true });
    expect(await site.rows()).toEqual([]);
    expect(await site.packs()).toEqual([]);
  },
);

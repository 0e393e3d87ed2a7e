import { TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import { FILE_MOMENTS, holdAt } from './FileMoments';
import { REPLICAS } from '../settings';
import { waitFor } from '../../harness/waitFor';
import {
  migrateModule,
  migrateScaffolderOnly,
} from '../../harness/inProcess/migrate';
import { deleteSnapshots } from '../../../src/database/operations/snapshots/ended/deleteSnapshots';
import { insertManifest } from '../../../src/database/operations/snapshots/content/insertManifest';
import { insertPack } from '../../../src/database/operations/snapshots/content/insertPack';
import { listPacks } from '../../../src/database/operations/snapshots/content/listPacks';
import { readManifests } from '../../../src/database/operations/snapshots/content/readManifests';
import { readPack } from '../../../src/database/operations/snapshots/content/readPack';
import { TASKS } from '../../../src/scaffolder/tables';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['POSTGRES_18'] });

const TIMEOUT_MS = 10_000;
const content = Buffer.from('x');

/** What the module does in each moment. */
const OPERATIONS: Record<
  string,
  (knex: Knex, taskId: string) => Promise<unknown>
> = {
  'storing content': (knex, taskId) =>
    insertPack(knex, { taskId, pack: randomUUID(), content }),
  'storing a manifest': (knex, taskId) =>
    knex.transaction(tx =>
      insertManifest(tx, { taskId, number: 1, parts: [content] }),
    ),
  'reading a manifest': (knex, taskId) =>
    readManifests(knex, { taskId, numbers: [1] }),
  'reading content': (knex, taskId) =>
    readPack(knex, { taskId, pack: randomUUID() }),
  'deleting manifests': (knex, taskId) =>
    knex.transaction(tx => deleteSnapshots(tx, taskId)),
  'listing content to delete': (knex, taskId) => listPacks(knex, taskId),
};

describe('a fault of the chaos run', () => {
  let chaos: Knex;
  let backend: Knex;
  let taskId: string;

  beforeAll(async () => {
    chaos = await databases.init('POSTGRES_18');
    await migrateScaffolderOnly(chaos);
    await migrateModule(chaos);
    taskId = randomUUID();
    await chaos(TASKS).insert({ id: taskId, spec: '{}', status: 'processing' });
    const { connection } = chaos.client.config;
    backend = knexFactory({
      client: 'pg',
      connection: {
        ...connection,
        // knex hides it from being listed.
        password: connection.password,
        application_name: REPLICAS[0],
      },
    });
  });

  afterAll(() => backend.destroy());

  it.each(FILE_MOMENTS)('hits a backend that is at $name', async moment => {
    let isDone = false;
    let wasDone: boolean | undefined;
    const operations: Promise<unknown>[] = [];
    const holding = holdAt(chaos, moment, TIMEOUT_MS, async held => {
      expect(held.replica).toBe(REPLICAS[0]);
      wasDone = isDone;
    });
    await waitForLock(moment.table);
    operations.push(
      OPERATIONS[moment.name](backend, taskId).then(() => {
        isDone = true;
      }),
    );
    expect(await holding).toBe(true);
    await Promise.all(operations);
    expect(wasDone).toBe(false);
  });

  it('lets those go on that are at something else', async () => {
    const [storing] = FILE_MOMENTS;
    let hits = 0;
    const holding = holdAt(chaos, storing, TIMEOUT_MS, async () => {
      hits += 1;
    });
    await waitForLock(storing.table);
    await listPacks(backend, taskId);
    expect(hits).toBe(0);
    // It may get through while nobody holds the lock.
    await waitFor('it to be hit', async () => {
      await OPERATIONS[storing.name](backend, taskId);
      return hits > 0;
    });
    expect(await holding).toBe(true);
    expect(hits).toBe(1);
  });

  it('hits nobody if nobody comes', async () => {
    const hit = jest.fn();
    expect(await holdAt(chaos, FILE_MOMENTS[0], 50, hit)).toBe(false);
    expect(hit).not.toHaveBeenCalled();
  });

  async function waitForLock(table: string): Promise<void> {
    await waitFor(`table ${table} to be locked`, async () => {
      const [{ count }] = await chaos('pg_locks')
        .where({ granted: true, mode: 'AccessExclusiveLock' })
        .where('relation', chaos.raw('?::regclass', [table]))
        .count();
      return Number(count) > 0;
    });
  }
});

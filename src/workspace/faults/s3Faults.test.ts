import { TestDatabases } from '@backstage/backend-test-utils';
import { randomBytes } from 'node:crypto';
import { S3Server } from '../../../dev/harness/S3Server';
import { readTree } from '../../../dev/harness/steps/readTree';
import { waitFor } from '../../../dev/harness/waitFor';
import { removeSites, Site } from '../__testUtils__/Site';
import { writeFiles } from '../__testUtils__/writeFiles';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });

afterEach(removeSites);

/** A task with a snapshot of a few packs in a bucket, and its server. */
async function create() {
  const site = await Site.create(databases, {
    databaseId: 'SQLITE_3',
    store: 's3',
  });
  await site.begin();
  writeFiles(site.folder, { kept: randomBytes(2_500_000) });
  const { number } = await site.take();
  return { site, server: site.testStore.s3!, number };
}

/** What goes wrong with the server, and what ends it. */
const FAULTS: [
  string,
  (server: S3Server) => unknown,
  (server: S3Server) => unknown,
][] = [
  ['is stopped', server => server.stop(), server => server.goOn()],
  [
    'answers 503',
    server => {
      server.behaviour = 'unavailable';
    },
    server => {
      server.behaviour = 'well';
    },
  ],
  [
    'cuts off its answers',
    server => {
      server.behaviour = 'cut';
    },
    server => {
      server.behaviour = 'well';
    },
  ],
];

describe.each(FAULTS)('a server of S3 that %s', (_, begin, end) => {
  it('in the middle of a snapshot has that one missing, which is said once, and fails nothing', async () => {
    const { site, server, number } = await create();
    const before = server.requests.length;
    const packs = await site.packs();
    let isOver = false;
    const breaking = site.another({
      stores: site.storesWith(store => ({
        put: async (...args) => {
          await store.put(...args);
          if (!isOver) {
            isOver = true;
            await begin(server);
          }
        },
      })),
    });
    await breaking.begin(number);
    writeFiles(breaking.folder, { lost: randomBytes(3_500_000) });
    await breaking.take();
    await breaking.take();
    expect(server.requests.length).toBeGreaterThan(before);
    const rows = await site.rows();
    const files = rows.filter(r => r.kind === 'files');
    expect(files.map(r => r.missing !== null)).toEqual([false, true, true]);
    expect(breaking.warnings()).toEqual([
      expect.stringMatching(/^Could not store the workspace of task/),
    ]);

    await end(server);
    const row = await breaking.take();
    expect(row).toMatchObject({ kind: 'files', missing: null });
    const tree = readTree(breaking.folder);
    const next = site.another();
    await next.begin(row.number);
    expect(readTree(next.folder)).toEqual(tree);
    expect((await site.packs()).length).toBeGreaterThan(packs.length);
  });

  it('in the middle of a restore is waited for', async () => {
    const { site, server, number } = await create();
    let gets = 0;
    const waiting = site.another({
      stores: site.storesWith(store => ({
        get: async (...args) => {
          gets += 1;
          if (gets === 2) {
            await begin(server);
          }
          return store.get(...args);
        },
      })),
    });
    const begun = waiting.begin(number);
    await waitFor('a second try', async () => waiting.warnings().length > 0);
    expect(waiting.warnings()[0]).toContain('trying again');
    await end(server);
    await begun;
    expect(readTree(waiting.folder)).toEqual(readTree(site.folder));
  });

  it('for too long has the run fail, and it can be retried', async () => {
    const { site, server, number } = await create();
    const impatient = site.another({ retryForMs: 100 });
    await begin(server);
    await expect(impatient.begin(number)).rejects.toThrow(
      /Could not begin the run of task .* GetObject on the S3 bucket .* Nothing has run; the task can be retried/,
    );
    await end(server);
    await impatient.begin(number);
    expect(readTree(impatient.folder)).toEqual(readTree(site.folder));
  });
});

it('a slow server of S3 has all of it stored and restored', async () => {
  const { site, server, number } = await create();
  server.delayMs = 200;
  const slow = site.another();
  await slow.begin(number);
  writeFiles(slow.folder, { more: randomBytes(2_500_000) });
  const row = await slow.take();
  const tree = readTree(slow.folder);
  const next = site.another();
  await next.begin(row.number);
  expect(readTree(next.folder)).toEqual(tree);
  expect(slow.warnings()).toEqual([]);
});

it('a pack in S3 that is cut short counts as damaged', async () => {
  const { site, number } = await create();
  const [pack] = await site.packs();
  const content = await site.stores.first.store.get(site.taskId, pack);
  const half = Buffer.from(content!).subarray(0, content!.length / 2);
  await site.testStore.overwrite(site.taskId, pack, half);
  await expect(site.another().begin(number)).rejects.toThrow(
    /is not what was stored/,
  );
  const rows = await site.rows();
  expect(rows.find(r => r.number === number)?.missing).toMatch(
    /is not what was stored/,
  );
});

import { TestDatabases } from '@backstage/backend-test-utils';
import { TEST_DATABASE_IDS } from '../../../__testUtils__/scaffolderDatabase';
import { STORED } from '../../../database/tables';
import { readTree } from '../../../../dev/harness/steps/readTree';
import { Site, removeSites } from '../../__testUtils__/Site';
import { writeFiles } from '../../__testUtils__/writeFiles';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

afterEach(removeSites);

it.each(databases.eachSupportedId())(
  'a retry that begins while the files of an ended task are deleted keeps its own, on %s',
  async databaseId => {
    const site = await Site.create(databases, {
      databaseId,
      store: 'directory',
    });
    await site.begin();
    writeFiles(site.folder, { file: 'of the first run' });
    await site.take();
    const retried = site.another();
    const deleting = site.another({
      stores: site.storesWith(store => ({
        list: async taskId => {
          await retried.begin();
          writeFiles(retried.folder, { file: 'of the retry' });
          await retried.take();
          return store.list(taskId);
        },
      })),
    });
    await deleting.snapshots.forget([site.taskId]);

    const next = site.another();
    await next.begin(2);
    expect(readTree(next.folder)).toEqual(readTree(retried.folder));
    // Or nothing would be deleted when the task has ended again.
    expect(await site.knex(STORED)).toMatchObject([{ emptied_at: null }]);
  },
);

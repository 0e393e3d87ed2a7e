import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../../__testUtils__/scaffolderDatabase';
import { readOwnership } from './readOwnership';
import { readFencingToken } from './readFencingToken';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())(
  'readOwnership on %s',
  databaseId => {
    let knex: Knex;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    it.each([
      ['open', true],
      ['processing', true],
      ['completed', false],
      ['failed', false],
      ['cancelled', false],
    ])(
      'reads of a task that is %s whether it is in flight',
      async (status, isInFlight) => {
        const id = await insertTask(knex, { status });
        const mark = await readFencingToken(knex, id);
        expect(await readOwnership(knex, id, mark)).toEqual({
          isInFlight,
          isFenced: false,
        });
      },
    );

    it('reads that a task was queued again since it was claimed, and not that it was before', async () => {
      const id = await insertTask(knex);
      await insertEvent(knex, id, 'recovered', {});
      const mark = await readFencingToken(knex, id);
      await insertEvent(knex, id, 'log', {});
      expect(await readOwnership(knex, id, mark)).toMatchObject({
        isFenced: false,
      });
      await insertEvent(knex, id, 'recovered', {});
      expect(await readOwnership(knex, id, mark)).toMatchObject({
        isFenced: true,
      });
    });

    it('reads that a task which does not exist any more is not in flight', async () => {
      const mark = { attempt: 0, recoveredEvent: 0 };
      expect(await readOwnership(knex, randomUUID(), mark)).toEqual({
        isInFlight: false,
        isFenced: false,
      });
    });
  },
);

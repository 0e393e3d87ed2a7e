import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import { Knex } from 'knex';
import { STRATEGIES, TASKS } from '../database/tables';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../__testUtils__/scaffolderDatabase';
import { StrategyMemory } from './StrategyMemory';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

function template(name: string, spec: object) {
  return {
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    kind: 'Template',
    metadata: { name },
    spec: { type: 'service', steps: [], ...spec },
  };
}

describe.each(databases.eachSupportedId())(
  'StrategyMemory on %s',
  databaseId => {
    let knex: Knex;
    const logger = mockServices.logger.mock();
    const catalog = catalogServiceMock.mock();
    const templates = catalogServiceMock({
      entities: [
        template('restarts', { recovery: { strategy: 'restart' } }),
        template('misspelt', { recovery: { strategy: 'restrat' } }),
        template('silent', {}),
        template('limited', {
          recovery: { strategy: 'restart', maxAttempts: 7 },
        }),
        template('odd-limit', {
          recovery: { strategy: 'restart', maxAttempts: 'seven' },
        }),
      ],
    });
    const createMemory = (clock?: () => number) =>
      new StrategyMemory({
        clock,
        knex,
        catalog,
        auth: mockServices.auth(),
        logger,
      });
    const remembered = () =>
      knex(STRATEGIES).select('task_id', 'strategy', 'source');

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      await migrateScaffolder(knex);
    });

    beforeEach(async () => {
      jest.clearAllMocks();
      catalog.getEntityByRef.mockImplementation((ref, options) =>
        templates.getEntityByRef(ref, options),
      );
      await knex(TASKS).delete();
    });

    it('remembers the strategy of a task that was dispatched', async () => {
      const id = await insertTask(knex, {
        status: 'open',
        templateRef: 'template:default/restarts',
      });
      await createMemory().remember(id);
      expect(await remembered()).toEqual([
        { task_id: id, strategy: 'restart', source: 'template' },
      ]);
      expect(catalog.getEntityByRef).toHaveBeenCalledWith(
        'template:default/restarts',
        {
          credentials: expect.objectContaining({
            principal: { type: 'service', subject: 'plugin:test' },
          }),
        },
      );
    });

    it('remembers what is missing, with one look-up for each template', async () => {
      const ids = [];
      for (let i = 0; i < 3; i++) {
        ids.push(
          await insertTask(knex, { templateRef: 'template:default/silent' }),
        );
      }
      const memory = createMemory();
      expect(await memory.rememberMissing()).toBe(3);
      expect(await memory.rememberMissing()).toBe(0);
      expect(catalog.getEntityByRef).toHaveBeenCalledTimes(1);
      expect((await remembered()).map(r => r.task_id).sort()).toEqual(
        ids.sort(),
      );
    });

    it('warns of a misspelt strategy, which counts as none', async () => {
      const id = await insertTask(knex, {
        templateRef: 'template:default/misspelt',
      });
      await createMemory().rememberMissing();
      expect(await remembered()).toEqual([
        { task_id: id, strategy: 'none', source: 'invalid' },
      ]);
      expect(logger.warn).toHaveBeenCalledWith(
        `Task ${id}: template:default/misspelt has spec.recovery.strategy "restrat"; allowed is spec.recovery.strategy with one of 'none', 'restart', 'idempotent'. It counts as 'none'`,
      );
    });

    it('remembers the limit for attempts of a template that has one', async () => {
      const id = await insertTask(knex, {
        templateRef: 'template:default/limited',
      });
      await createMemory().remember(id);
      expect(await knex(STRATEGIES).pluck('max_attempts')).toEqual([7]);
    });

    it('warns of a limit that makes no sense, and remembers the strategy', async () => {
      const id = await insertTask(knex, {
        templateRef: 'template:default/odd-limit',
      });
      await createMemory().remember(id);
      expect(await knex(STRATEGIES).select('strategy', 'max_attempts')).toEqual(
        [{ strategy: 'restart', max_attempts: null }],
      );
      expect(logger.warn).toHaveBeenCalledWith(
        expect.stringContaining('has spec.recovery.maxAttempts "seven"'),
      );
    });

    it('guesses nothing while the catalog does not answer, and says so once', async () => {
      await insertTask(knex, { templateRef: 'template:default/restarts' });
      const memory = createMemory();
      catalog.getEntityByRef.mockRejectedValue(new Error('503'));
      expect(await memory.rememberMissing()).toBe(0);
      expect(await memory.rememberMissing()).toBe(0);
      expect(await remembered()).toEqual([]);
      expect(logger.warn).toHaveBeenCalledTimes(1);

      catalog.getEntityByRef.mockImplementation((ref, options) =>
        templates.getEntityByRef(ref, options),
      );
      expect(await memory.rememberMissing()).toBe(1);
      expect(await remembered()).toMatchObject([{ strategy: 'restart' }]);
    });

    it('is kept from no task by another one that cannot be looked up', async () => {
      for (const name of ['fails', 'restarts', 'silent']) {
        await insertTask(knex, { templateRef: `template:default/${name}` });
      }
      catalog.getEntityByRef.mockImplementation(async (ref, options) => {
        if (String(ref).endsWith('fails')) {
          throw new Error('500');
        }
        return templates.getEntityByRef(ref, options);
      });
      expect(await createMemory().rememberMissing()).toBe(2);
    });

    it('counts a template as gone that was missing for half a minute', async () => {
      const id = await insertTask(knex, {
        templateRef: 'template:default/gone',
      });
      let now = 0;
      const memory = createMemory(() => now);
      await memory.remember(id);
      expect(await memory.rememberMissing()).toBe(0);
      now = 29_999;
      expect(await memory.rememberMissing()).toBe(0);
      expect(await remembered()).toEqual([]);
      now = 30_000;
      expect(await memory.rememberMissing()).toBe(1);
      expect(await remembered()).toEqual([
        { task_id: id, strategy: 'none', source: 'gone' },
      ]);
    });

    it('waits for a catalog that has no templates yet', async () => {
      await insertTask(knex, { templateRef: 'template:default/restarts' });
      const memory = createMemory();
      catalog.getEntityByRef.mockResolvedValueOnce(undefined);
      expect(await memory.rememberMissing()).toBe(0);
      expect(await memory.rememberMissing()).toBe(1);
      expect(await remembered()).toMatchObject([{ strategy: 'restart' }]);
    });

    it.each([
      ['a reference that is none', { templateRef: 'what ever' }],
      ['a broken spec', { spec: '{"templateInfo":' }],
    ])('counts %s as none', async (_, task) => {
      const id = await insertTask(knex, task);
      await createMemory().rememberMissing();
      expect(await remembered()).toEqual([
        { task_id: id, strategy: 'none', source: 'gone' },
      ]);
    });

    it('forgets the strategy of a task that has ended', async () => {
      const id = await insertTask(knex, {
        templateRef: 'template:default/restarts',
      });
      const memory = createMemory();
      await memory.rememberMissing();
      await knex(TASKS).where({ id }).update({ status: 'completed' });
      await memory.rememberMissing();
      expect(await remembered()).toEqual([]);
    });
  },
);

import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import { Knex } from 'knex';
import { STRATEGIES } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import {
  insertTask,
  migrateScaffolder,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
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
    const createMemory = (clock?: () => number, lookupTimeoutMs?: number) =>
      new StrategyMemory({
        clock,
        lookupTimeoutMs,
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
      catalog.getEntitiesByRefs.mockImplementation((request, options) =>
        templates.getEntitiesByRefs(request, options),
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
      expect(catalog.getEntitiesByRefs).toHaveBeenCalledWith(
        expect.objectContaining({ entityRefs: ['template:default/restarts'] }),
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
      expect(catalog.getEntitiesByRefs).toHaveBeenCalledTimes(1);
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
        `Task ${id}: template:default/misspelt is invalid: spec.recovery.strategy is "restrat"; expected one of 'none', 'restart', 'idempotent'. Its strategy counts as 'none'`,
      );
    });

    it('remembers the limit for attempts of a template that has one', async () => {
      const id = await insertTask(knex, {
        templateRef: 'template:default/limited',
      });
      await createMemory().remember(id);
      expect(await knex(STRATEGIES).pluck('max_attempts')).toEqual([7]);
    });

    it('warns of an invalid limit, and remembers the strategy', async () => {
      const id = await insertTask(knex, {
        templateRef: 'template:default/odd-limit',
      });
      await createMemory().remember(id);
      expect(await knex(STRATEGIES).select('strategy', 'max_attempts')).toEqual(
        [{ strategy: 'restart', max_attempts: null }],
      );
      expect(logger.warn).toHaveBeenCalledWith(
        expect.stringContaining('spec.recovery.maxAttempts is "seven"'),
      );
    });

    it('guesses nothing while the catalog does not answer, and says so once', async () => {
      await insertTask(knex, { templateRef: 'template:default/restarts' });
      const memory = createMemory();
      catalog.getEntitiesByRefs.mockRejectedValue(new Error('503'));
      expect(await memory.rememberMissing()).toBe(0);
      expect(await memory.rememberMissing()).toBe(0);
      expect(await remembered()).toEqual([]);
      expect(logger.warn).toHaveBeenCalledTimes(1);

      catalog.getEntitiesByRefs.mockImplementation((request, options) =>
        templates.getEntitiesByRefs(request, options),
      );
      expect(await memory.rememberMissing()).toBe(1);
      expect(await remembered()).toMatchObject([{ strategy: 'restart' }]);
    });

    it('is kept from no task by another one that cannot be looked up', async () => {
      for (const name of ['fails', 'restarts', 'silent']) {
        await insertTask(knex, { templateRef: `template:default/${name}` });
      }
      catalog.getEntitiesByRefs.mockImplementation(async (request, options) => {
        if (request.entityRefs.some(ref => ref.endsWith('fails'))) {
          throw new Error('500');
        }
        return templates.getEntitiesByRefs(request, options);
      });
      expect(await createMemory().rememberMissing()).toBe(2);
      expect(logger.warn.mock.calls).toEqual([
        [
          expect.stringMatching(
            /^The recovery strategies of some tasks could not be looked up; .*500$/,
          ),
        ],
      ]);
    });

    it('is kept from no task by another one that cannot be written', async () => {
      const [ended] = await Promise.all(
        [1, 2, 3].map(() =>
          insertTask(knex, { templateRef: 'template:default/restarts' }),
        ),
      );
      catalog.getEntitiesByRefs.mockImplementationOnce(
        async (request, options) => {
          // Deleted between reading and writing, as the janitor of another process may.
          await knex(TASKS).where({ id: ended }).delete();
          return templates.getEntitiesByRefs(request, options);
        },
      );
      expect(await createMemory().rememberMissing()).toBe(2);
      expect(await remembered()).toHaveLength(2);
    });

    it('asks for a hundred templates at once, and for each once', async () => {
      for (let i = 0; i < 250; i++) {
        await insertTask(knex, { templateRef: `template:default/t${i}` });
      }
      await createMemory().rememberMissing();
      const asked = catalog.getEntitiesByRefs.mock.calls.map(
        ([{ entityRefs }]) => entityRefs,
      );
      expect(asked.map(refs => refs.length)).toEqual([100, 100, 50]);
      expect(new Set(asked.flat()).size).toBe(250);
    });

    it('waits once for a catalog that hangs, and leaves the rest for the next call', async () => {
      for (let i = 0; i < 250; i++) {
        await insertTask(knex, { templateRef: `template:default/t${i}` });
      }
      await insertTask(knex, { templateRef: 'template:default/restarts' });
      const memory = createMemory(undefined, 50);
      catalog.getEntitiesByRefs.mockReturnValueOnce(new Promise(() => {}));
      expect(await memory.rememberMissing()).toBe(0);
      expect(catalog.getEntitiesByRefs).toHaveBeenCalledTimes(1);
      expect(logger.warn.mock.calls).toEqual([
        [expect.stringContaining('The catalog did not answer within 50 ms')],
      ]);
      expect(await memory.rememberMissing()).toBe(1);
    });

    it('finds a template by a reference with capitals, and reads of it no more than it needs', async () => {
      await insertTask(knex, { templateRef: 'Template:default/Restarts' });
      await createMemory().rememberMissing();
      expect(await remembered()).toMatchObject([{ strategy: 'restart' }]);
      const [answer] = await Promise.all(
        catalog.getEntitiesByRefs.mock.results.map(({ value }) => value),
      );
      expect(answer.items).toEqual([
        { kind: 'Template', spec: { recovery: { strategy: 'restart' } } },
      ]);
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
      catalog.getEntitiesByRefs.mockResolvedValueOnce({ items: [undefined] });
      expect(await memory.rememberMissing()).toBe(0);
      expect(await memory.rememberMissing()).toBe(1);
      expect(await remembered()).toMatchObject([{ strategy: 'restart' }]);
    });

    it.each([
      ['a reference that is none', { templateRef: 'what ever' }],
      ['one that no database holds', { templateRef: 'template:default/a\0' }],
      ['a broken spec', { spec: '{"templateInfo":' }],
    ])('counts %s as none', async (_, task) => {
      const id = await insertTask(knex, task);
      await createMemory().rememberMissing();
      expect(await remembered()).toEqual([
        { task_id: id, strategy: 'none', source: 'gone' },
      ]);
    });
  },
);

import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import fc from 'fast-check';
import { createPass } from '../../dev/harness/inProcess/createPass';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  readTask,
} from '../__testUtils__/scaffolderDatabase';
import { rememberStrategy } from '../__testUtils__/rememberStrategy';
import { ATTEMPTS } from '../database/tables';
import { Strategy } from '../decision/strategy';
import { planOfTemplate } from './templatePlan';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const directory = createMockDirectory();

type RandomTemplate = {
  recovery: { strategy: Strategy };
  steps: { id: string; recovery?: { dependsOn: string[] } }[];
};

/** Templates whose steps depend on some of those before them. */
const templates: fc.Arbitrary<RandomTemplate> = fc
  .record({
    strategy: fc.constantFrom<Strategy>('none', 'restart', 'idempotent'),
    dependencies: fc.array(fc.array(fc.nat({ max: 7 }), { maxLength: 3 }), {
      minLength: 1,
      maxLength: 6,
    }),
  })
  .map(({ strategy, dependencies }) => ({
    recovery: { strategy },
    steps: dependencies.map((places, i) => {
      const dependsOn = places.filter(k => k < i).map(k => `step${k}`);
      return {
        id: `step${i}`,
        ...(dependsOn.length > 0 && { recovery: { dependsOn } }),
      };
    }),
  }));

describe('the plan that the check prints', () => {
  it('is what the module then does, for any template that is interrupted at any step', async () => {
    const knex = await databases.init('SQLITE_3');
    await migrateScaffolder(knex);
    const logger = mockServices.logger.mock();
    const pass = await createPass(knex, logger, directory.path);

    const expected = new Map<string, unknown>();
    for (const template of fc.sample(templates, { seed: 6, numRuns: 60 })) {
      const { steps, recovery } = template;
      for (const [i, row] of planOfTemplate(template, {
        withoutSnapshots: true,
      }).rows.entries()) {
        const taskId = await insertTask(knex, {
          steps,
          completed: steps.slice(0, i).map(s => s.id),
        });
        await insertEvent(knex, taskId, 'log', {
          stepId: steps[i].id,
          status: 'processing',
        });
        await rememberStrategy(knex, {
          task_id: taskId,
          strategy: recovery.strategy,
          source: 'template',
          remark: null,
        });
        expected.set(taskId, {
          interruptedAt: row.interruptedAt,
          skipped: row.skipped,
          again: row.again.map(a => a.stepId),
          isClosed: row.goesOnAt === undefined,
        });
      }
    }
    expect(expected.size).toBeGreaterThan(150);

    const counts = await pass.runOnce();
    expect(counts.later + counts.error).toBe(0);
    for (const [taskId, plan] of expected) {
      const attempt = await knex(ATTEMPTS).where({ task_id: taskId }).first();
      const { status, state } = await readTask(knex, taskId);
      const isClosed = status === 'failed';
      const kept = Object.keys(JSON.parse(state!).state.steps);
      expect({
        interruptedAt: attempt.interrupted_at,
        // What is left in the state is what the scaffolder skips.
        skipped: isClosed ? [] : kept,
        again: JSON.parse(attempt.steps_again).map((a: any) => a.stepId),
        isClosed,
      }).toEqual(plan);
    }
  });
});

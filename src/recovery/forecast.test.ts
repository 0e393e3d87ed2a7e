import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import fc from 'fast-check';
import { Knex } from 'knex';
import { createPass } from '../../dev/bench/createPass';
import { RealScaffolder, RealStep } from '../__testUtils__/RealScaffolder';
import {
  migrateScaffolder,
  readEvents,
  readTask,
} from '../__testUtils__/scaffolderDatabase';
import { planOfTemplate } from '../check/templatePlan';
import { rememberStrategy } from '../database/operations/rememberStrategy';
import { ATTEMPTS, TASKS } from '../database/tables';
import { Forecast } from './Forecast';
import { Retries } from './Retries';
import { Strategy } from './strategy';

jest.setTimeout(240_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const directory = createMockDirectory();

type RandomTask = {
  strategy: Strategy;
  steps: RealStep[];
};

const IDS = ['a', 'b', 'c', 'd'];

/**
 * Tasks of up to six steps, some of which share an id, have conditions, run for each element of a list, fail in the first run, and
 * depend on some of those before them. In one of them the process is killed in the first run, if it gets there.
 */
const tasks: fc.Arbitrary<RandomTask> = fc
  .record({
    strategy: fc.constantFrom<Strategy>(
      'none',
      'restart',
      'idempotent',
      'idempotent',
      'idempotent',
    ),
    killedAt: fc.nat({ max: 5 }),
    steps: fc.array(
      fc.record({
        id: fc.constantFrom(...IDS),
        condition: fc.constantFrom(
          ...[undefined, undefined, undefined, true, false],
          ...['${{ true }}', '${{ false }}', '${{ failure() }}'],
          // Often, since it takes two of them after a step that fails to be interrupted there.
          ...Array(5).fill('${{ always() }}'),
        ),
        each: fc.constantFrom(undefined, undefined, ['x', 'y']),
        fails: fc.constantFrom(false, false, false, true),
        dependsOn: fc.array(fc.nat({ max: 5 }), { maxLength: 2 }),
      }),
      { minLength: 2, maxLength: 6 },
    ),
  })
  .map(({ strategy, killedAt, steps }) => ({
    strategy,
    steps: steps.map((step, i): RealStep => {
      const dependsOn = step.dependsOn
        .filter(k => k < i && steps[k].id !== step.id)
        .map(k => steps[k].id);
      return {
        id: step.id,
        ...(step.condition !== undefined && { if: step.condition }),
        ...(step.each && { each: step.each }),
        ...(dependsOn.length > 0 && { recovery: { dependsOn } }),
        ...(step.fails && { failsIn: [1] }),
        ...(i === killedAt % steps.length && { killedIn: 1 }),
      };
    }),
  }));

describe('what is foretold of a task', () => {
  let knex: Knex;
  let scaffolder: RealScaffolder;
  const logger = mockServices.logger.mock();

  beforeAll(async () => {
    knex = await databases.init('SQLITE_3');
    await migrateScaffolder(knex);
    scaffolder = await RealScaffolder.create({
      knex,
      workingDirectory: directory.path,
      logger,
    });
  });

  /** The ids of the steps that the last run of a task took for finished, and the places of those that it came to. */
  async function lastRun(taskId: string) {
    const events = await readEvents(knex, taskId);
    const begin = events.map(e => e.type).lastIndexOf('recovered');
    const kept = events
      .slice(begin)
      .filter(e => e.body.message?.includes('already completed in a previous'))
      .map(e => e.body.stepId);
    return {
      kept: [...new Set(kept)].filter(Boolean),
      begun: scaffolder.begun.get(taskId)!.at(-1)!,
    };
  }

  /** What was to run in a run of a task that nothing interrupts and in which nothing fails. */
  async function undisturbed(steps: RealStep[]): Promise<number[]> {
    const taskId = await scaffolder.dispatch(
      steps.map(({ failsIn, killedIn, ...step }) => step),
    );
    await scaffolder.run();
    return scaffolder.begun.get(taskId)![0];
  }

  /** The places of the steps that finished in any run, as their actions came to their ends. */
  const finishedIn = (taskId: string, steps: RealStep[]) =>
    new Set(
      scaffolder.begun.get(taskId)!.flatMap((places, i) =>
        places.filter(place => {
          const { failsIn = [], killedIn } = steps[place];
          return !failsIn.includes(i + 1) && killedIn !== i + 1;
        }),
      ),
    );

  it('is what a real runner then does with it when it was interrupted, and nothing is left out', async () => {
    const pass = await createPass(knex, logger, directory.path);
    const config = { maxAttempts: 3, taskTimeoutSeconds: 86_400 };
    const forecast = new Forecast({ knex, config });
    const decisions = new Map<string, number>();
    for (const { strategy, steps } of fc.sample(tasks, {
      seed: 18,
      numRuns: 250,
    })) {
      const taskId = await scaffolder.dispatch(steps);
      await rememberStrategy(knex, {
        task_id: taskId,
        strategy,
        source: 'template',
        remark: null,
      });
      await scaffolder.run();
      const foretold = await forecast.forTask(taskId);
      if (!foretold) {
        // It did not get to the step in which its process would have been killed.
        expect((await readTask(knex, taskId)).status).not.toBe('processing');
        continue;
      }
      await pass.runAtStartup();
      const { kind } = foretold.decision;
      decisions.set(kind, (decisions.get(kind) ?? 0) + 1);
      const attempt = await knex(ATTEMPTS).where({ task_id: taskId }).first();
      expect(attempt.decision).toBe(kind);
      if (kind === 'failed') {
        expect({ strategy, steps: foretold.steps }).toEqual({
          strategy: 'none',
          steps: [],
        });
        continue;
      }

      await scaffolder.run();
      const { kept, begun } = await lastRun(taskId);
      const description = JSON.stringify({ strategy, steps, foretold });
      const inOrder = [...new Set(steps.map(s => s.id))];
      expect([description, inOrder.filter(id => kept.includes(id))]).toEqual([
        description,
        inOrder.filter(
          id =>
            foretold.steps.find(s => s.stepId === id)!.happens === 'skipped',
        ),
      ]);
      for (const place of begun) {
        const { happens } = foretold.steps[place];
        expect([description, happens]).not.toEqual([description, 'skipped']);
      }
      // What a step depends on ran before it, in the same run.
      const needed = begun.flatMap(
        place =>
          (steps[place].recovery as { dependsOn: string[] } | undefined)
            ?.dependsOn ?? [],
      );
      expect([
        description,
        needed.filter(id => strategy === 'idempotent' && kept.includes(id)),
      ]).toEqual([description, []]);
      // After a step that had failed and ran again, those ran again that had run before, such as one that cleans up.
      const [before] = scaffolder.begun.get(taskId)!;
      const failedAt = before.find(
        place => steps[place].failsIn && begun.includes(place),
      );
      expect([
        description,
        before.filter(
          place =>
            failedAt !== undefined &&
            place > failedAt &&
            !String(steps[place].if).includes('failure') &&
            !begun.includes(place),
        ),
      ]).toEqual([description, []]);
      // Conditions on failures aside, whatever runs undisturbed has run to its end by now.
      if (!steps.some(s => String(s.if).includes('failure'))) {
        const finished = finishedIn(taskId, steps);
        const missing = (await undisturbed(steps)).filter(
          place => !finished.has(place),
        );
        expect([description, missing]).toEqual([description, []]);
      }
      expect((await readTask(knex, taskId)).status).toBe('completed');
    }
    expect(decisions.get('resume')).toBeGreaterThan(60);
    expect(decisions.get('restart')).toBeGreaterThan(15);
    expect(decisions.get('failed')).toBeGreaterThan(15);
  });

  it('is what the check tells about its template, if nothing fails and nothing is conditional', async () => {
    const config = { maxAttempts: 3, taskTimeoutSeconds: 86_400 };
    const forecast = new Forecast({ knex, config });
    let count = 0;
    for (const { strategy, steps: drawn } of fc.sample(tasks, {
      seed: 19,
      numRuns: 60,
    })) {
      const steps = drawn.map(({ failsIn, if: _, ...step }) => step);
      const place = steps.findIndex(s => s.killedIn);
      const taskId = await scaffolder.dispatch(steps);
      await rememberStrategy(knex, {
        task_id: taskId,
        strategy,
        source: 'template',
        remark: null,
      });
      await scaffolder.run();
      const foretold = (await forecast.forTask(taskId))!;
      const { rows } = planOfTemplate({ recovery: { strategy }, steps });
      const {
        skipped = [],
        again = [],
        goesOnAt,
      } = 'plan' in foretold.decision ? foretold.decision.plan : {};
      expect({
        interruptedAt: steps[place].id,
        skipped,
        again,
        goesOnAt,
      }).toEqual(rows[place]);
      count += 1;
      await knex(TASKS).where({ id: taskId }).delete();
    }
    expect(count).toBe(60);
  });

  it('is what a real runner does with a task that failed and is started again, in the order of the steps', async () => {
    let strategy: Strategy = 'none';
    const retries = new Retries({
      knex,
      config: {},
      memory: {
        lookUpSoon: async () => ({ strategy, source: 'template' }),
      },
      logger,
    });
    const listener = (builder: Knex.QueryBuilder) => retries.starts(builder);
    knex.on('start', listener);
    const resumed: unknown[] = [];
    try {
      for (const task of fc.sample(tasks, { seed: 20, numRuns: 150 })) {
        strategy = task.strategy;
        const steps = task.steps.map(({ killedIn, ...step }) => step);
        const taskId = await scaffolder.dispatch(steps);
        await scaffolder.run();
        const { status } = await readTask(knex, taskId);
        const started = await retries.plan(taskId);
        await scaffolder.retry(taskId);
        await started({ isStarted: true });
        const attempt = await knex(ATTEMPTS).where({ task_id: taskId }).first();
        await scaffolder.run();

        const { kept, begun } = await lastRun(taskId);
        const description = JSON.stringify({ strategy, status, steps });
        expect([description, JSON.parse(attempt.skipped_steps)]).toEqual([
          description,
          kept,
        ]);
        if (strategy === 'idempotent' && status === 'failed') {
          resumed.push(attempt);
          const finished = finishedIn(taskId, steps);
          const missing = steps.some(s => String(s.if).includes('failure'))
            ? []
            : (await undisturbed(steps)).filter(p => !finished.has(p));
          expect([description, missing]).toEqual([description, []]);
        } else {
          expect(kept).toEqual([]);
          expect([description, begun]).toEqual([
            description,
            await undisturbed(steps),
          ]);
        }
      }
    } finally {
      knex.removeListener('start', listener);
    }
    expect(resumed.length).toBeGreaterThan(30);
  });
});

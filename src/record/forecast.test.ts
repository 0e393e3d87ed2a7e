import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import fc from 'fast-check';
import { Knex } from 'knex';
import { createPass } from '../../dev/harness/inProcess/createPass';
import { RealScaffolder, RealStep } from '../__testUtils__/RealScaffolder';
import {
  migrateScaffolder,
  readEvents,
  readTask,
} from '../__testUtils__/scaffolderDatabase';
import { planOfTemplate } from '../check/templatePlan';
import { rememberStrategy } from '../__testUtils__/rememberStrategy';
import { ATTEMPTS } from '../database/tables';
import { TASKS } from '../scaffolder/tables';
import { secondsAgo } from '../database/time';
import { Forecast, TaskForecast } from './Forecast';
import { Retries } from '../rescue/Retries';
import { Strategy } from '../decision/strategy';

jest.setTimeout(240_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const directory = createMockDirectory();

type RandomTask = {
  strategy: Strategy;
  steps: RealStep[];
};

const IDS = ['a', 'b', 'c', 'd'];

/**
 * Tasks of up to six steps, some of which share an id, have conditions, run for each element of a list, fail in the first two runs, and
 * depend on some of those before them. The process is killed in the first run, and in some in the second, if it gets there.
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
    killedAt: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 2 }),
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
        failsIn: fc.constantFrom<number[]>([], [], [], [1], [1, 2], [2]),
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
        failsIn: step.failsIn,
        killedIn: killedAt.flatMap((place, run) =>
          place % steps.length === i ? [run + 1] : [],
        ),
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
          const { failsIn = [], killedIn = [] } = steps[place];
          return !failsIn.includes(i + 1) && !killedIn.includes(i + 1);
        }),
      ),
    );

  const config = { maxAttempts: 3, taskTimeoutSeconds: 86_400 };

  /** A task that runs until it ends or its process is killed. */
  async function runOnce({ strategy, steps }: RandomTask): Promise<string> {
    const taskId = await scaffolder.dispatch(steps);
    await rememberStrategy(knex, {
      task_id: taskId,
      strategy,
      source: 'template',
      remark: null,
    });
    await scaffolder.run();
    return taskId;
  }

  /** The places of the steps that would run undisturbed and have not run to their ends. Conditions on failures aside. */
  async function leftOut(taskId: string, steps: RealStep[]): Promise<number[]> {
    if (steps.some(s => String(s.if).includes('failure'))) {
      return [];
    }
    const finished = finishedIn(taskId, steps);
    return (await undisturbed(steps)).filter(place => !finished.has(place));
  }

  /** What a recovered run did otherwise than foretold, or than its strategy promises. */
  async function deviations(
    taskId: string,
    { strategy, steps }: RandomTask,
    foretold: TaskForecast,
  ): Promise<Record<string, unknown>> {
    const { kept, begun } = await lastRun(taskId);
    const happens = (id: string) =>
      foretold.steps.find(s => s.stepId === id)!.happens;
    const dependsOn = (place: number) =>
      (steps[place].recovery as { dependsOn: string[] } | undefined)
        ?.dependsOn ?? [];
    const runs = scaffolder.begun.get(taskId)!;
    const before = runs.at(-2)!;
    const failedAt = before.find(
      place =>
        steps[place].failsIn?.includes(runs.length - 1) &&
        begun.includes(place),
    );
    const wasCutShort = begun.some(place =>
      [...steps[place].failsIn!, ...steps[place].killedIn!].includes(
        runs.length,
      ),
    );
    const ids = [...new Set(steps.map(s => s.id))];
    return {
      keptOtherwise: ids.filter(id =>
        kept.includes(id)
          ? happens(id) !== 'skipped'
          : happens(id) === 'skipped' && !wasCutShort,
      ),
      begunThoughSkipped: begun.filter(
        place => happens(steps[place].id) === 'skipped',
      ),
      withoutItsDependency: begun.filter(
        place =>
          strategy === 'idempotent' &&
          dependsOn(place).some(id => kept.includes(id)),
      ),
      // Such as a step that cleans up after the one that failed.
      notAgainAfterFailure: before.filter(
        place =>
          failedAt !== undefined &&
          place > failedAt &&
          !wasCutShort &&
          !String(steps[place].if).includes('failure') &&
          !begun.includes(place),
      ),
      leftOut: wasCutShort ? [] : await leftOut(taskId, steps),
    };
  }

  const asForetold = {
    keptOtherwise: [],
    begunThoughSkipped: [],
    withoutItsDependency: [],
    notAgainAfterFailure: [],
    leftOut: [],
  };

  it('is what a real runner then does with it when it was interrupted, and nothing is left out', async () => {
    const pass = await createPass(knex, logger, directory.path);
    const forecast = new Forecast({ knex, config });
    const decisions: Record<string, number> = {};
    const found: unknown[] = [];
    const promised: unknown[] = [];
    for (const task of fc.sample(tasks, { seed: 18, numRuns: 250 })) {
      const taskId = await runOnce(task);
      for (
        let foretold = await forecast.forTask(taskId);
        foretold;
        foretold = await forecast.forTask(taskId)
      ) {
        await pass.runAtStartup();
        const attempt = await knex(ATTEMPTS)
          .where({ task_id: taskId })
          .orderBy('attempt', 'desc')
          .first();
        const { kind } = foretold.decision;
        decisions[kind] = (decisions[kind] ?? 0) + 1;
        const isClosed = kind === 'failed';
        if (!isClosed) {
          await scaffolder.run();
          // Before its last heartbeat. Otherwise it would count as not claimed since.
          await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 700) });
        }
        found.push({
          task,
          decision: attempt.decision,
          ...(isClosed
            ? { isNone: task.strategy === 'none', steps: foretold.steps }
            : await deviations(taskId, task, foretold)),
        });
        promised.push({
          task,
          decision: kind,
          ...(isClosed ? { isNone: true, steps: [] } : asForetold),
        });
      }
    }
    expect(found).toEqual(promised);
    expect(decisions.resume).toBeGreaterThan(60);
    expect(decisions.restart).toBeGreaterThan(15);
    expect(decisions.failed).toBeGreaterThan(15);
  });

  it('equals the plan that the check prints for its template, if nothing fails and nothing is conditional', async () => {
    const forecast = new Forecast({ knex, config });
    for (const { strategy, steps: drawn } of fc.sample(tasks, {
      seed: 19,
      numRuns: 60,
    })) {
      const steps = drawn.map(({ failsIn, if: _, ...step }) => step);
      const taskId = await runOnce({ strategy, steps });
      const { decision } = (await forecast.forTask(taskId))!;
      const place = steps.findIndex(s => s.killedIn?.includes(1));
      const { rows } = planOfTemplate(
        { recovery: { strategy }, steps },
        { withoutSnapshots: true },
      );
      const plan = 'plan' in decision ? decision.plan : undefined;
      expect({
        interruptedAt: steps[place].id,
        skipped: plan?.skipped ?? [],
        again: plan?.again ?? [],
        goesOnAt: plan?.goesOnAt,
      }).toEqual(rows[place]);
      await knex(TASKS).where({ id: taskId }).delete();
    }
  });

  it('is what a real runner does with a task that ended and is started again', async () => {
    let strategy: Strategy = 'none';
    const retries = new Retries({
      knex,
      config: {},
      memory: { lookUpSoon: async () => ({ strategy, source: 'template' }) },
      logger,
    });
    const listener = (builder: Knex.QueryBuilder) => retries.starts(builder);
    knex.on('start', listener);
    let resumed = 0;
    for (const task of fc.sample(tasks, { seed: 20, numRuns: 150 })) {
      strategy = task.strategy;
      const steps = task.steps.map(({ killedIn, ...step }) => ({
        ...step,
        failsIn: step.failsIn?.filter(run => run === 1),
      }));
      const taskId = await runOnce({ strategy, steps });
      const { status } = await readTask(knex, taskId);
      const started = await retries.plan(taskId);
      await scaffolder.retry(taskId);
      await started({ isStarted: true });
      const attempt = await knex(ATTEMPTS).where({ task_id: taskId }).first();
      await scaffolder.run();

      const { kept, begun } = await lastRun(taskId);
      const goesOn = strategy === 'idempotent' && status === 'failed';
      resumed += goesOn ? 1 : 0;
      expect({
        task,
        status,
        recorded: JSON.parse(attempt.skipped_steps),
        // Those that go on are to leave nothing out, the others are to run it all.
        outcome: goesOn ? await leftOut(taskId, steps) : begun,
      }).toEqual({
        task,
        status,
        recorded: goesOn ? kept : [],
        outcome: goesOn ? [] : await undisturbed(steps),
      });
    }
    knex.removeListener('start', listener);
    expect(resumed).toBeGreaterThan(30);
  });
});

import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import fc from 'fast-check';
import { Knex } from 'knex';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createPass } from '../../../dev/harness/inProcess/createPass';
import { readTree, Tree } from '../../../dev/harness/steps/readTree';
import { RealScaffolder, RealStep } from '../../__testUtils__/RealScaffolder';
import {
  migrateScaffolder,
  readTask,
} from '../../__testUtils__/scaffolderDatabase';
import { rememberStrategy } from '../../__testUtils__/rememberStrategy';
import { ATTEMPTS, SNAPSHOTS } from '../../database/tables';
import { TASKS } from '../../scaffolder/tables';
import { secondsAgo } from '../../database/time';
import { RecoveryPass } from '../../rescue/RecoveryPass';
import { Retries } from '../../rescue/Retries';
import { RecoveryWorkspaceProvider } from '../RecoveryWorkspaceProvider';
import { SNAPSHOTS_IN_DATABASE } from '../__testUtils__/snapshotsInDatabase';
import { storesInDatabase } from '../__testUtils__/storesInDatabase';
import { DATABASE_ONLY } from '../../decision/plan/snapshotNeeds';
import { Snapshots } from '../snapshots/Snapshots';

jest.setTimeout(300_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const directory = createMockDirectory();

type RandomTask = { steps: RealStep[]; edits: Edit[] };

/** What a step does with the workspace. Each leaves a trace in the order in which steps ran. */
type Edit = 'none' | 'write' | 'rename' | 'delete' | 'link' | 'folders';

const EDITS: Edit[] = ['none', 'write', 'rename', 'delete', 'link', 'folders'];

/**
 * Tasks of up to six steps that change files, of which each depends on all, some or none of those before it that it needs. The process is
 * killed in up to three runs, at the begin of a step, after its checkpoint, or between its end and its record. Some fail first.
 */
const tasks: fc.Arbitrary<RandomTask> = fc
  .record({
    killedAt: fc.array(
      fc.record({
        place: fc.nat({ max: 5 }),
        moment: fc.constantFrom<NonNullable<RealStep['killedAt']>>(
          'begin',
          'checkpoint',
          'record',
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    steps: fc.array(
      fc.record({
        edit: fc.constantFrom(...EDITS),
        id: fc.constantFrom('a', 'b', undefined, undefined, undefined),
        condition: fc.constantFrom(
          ...[undefined, undefined, undefined, undefined],
          ...['${{ false }}', '${{ always() }}'],
        ),
        failsIn: fc.constantFrom<number[]>([], [], [], [], [1], [2]),
        dependsOn: fc.array(fc.nat({ max: 5 }), { maxLength: 2 }),
        hasDependencies: fc.constantFrom(true, false, false),
      }),
      { minLength: 2, maxLength: 6 },
    ),
  })
  .map(({ killedAt, steps }) => {
    const ids = steps.map(({ id }, i) => id ?? `step${i}`);
    return {
      edits: steps.map(({ edit }) => edit),
      steps: steps.map((step, i): RealStep => {
        const dependsOn = step.dependsOn
          .filter(k => k < i && ids[k] !== ids[i])
          .map(k => ids[k]);
        const kills = killedAt.flatMap(({ place, moment }, run) =>
          place % steps.length === i ? [{ run: run + 1, moment }] : [],
        );
        return {
          id: ids[i],
          ...(step.condition && { if: step.condition }),
          ...(step.hasDependencies &&
            dependsOn.length > 0 && { recovery: { dependsOn } }),
          failsIn: step.failsIn,
          killedIn: kills.map(({ run }) => run),
          killedAt: kills[0]?.moment,
        };
      }),
    };
  });

/** What a step finds and leaves. */
class Workspace {
  constructor(private readonly folder: string) {}

  /** The parts of steps that made what is here, in their order. */
  get trace(): string[] {
    const file = path.join(this.folder, 'trace');
    return fs.existsSync(file)
      ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)
      : [];
  }

  get tree(): Tree {
    return readTree(this.folder, { withTimes: false });
  }

  /** The same edit on the same files makes the same files. */
  edit(edit: Edit, name: string): void {
    const at = (...names: string[]) => path.join(this.folder, ...names);
    if (edit === 'none') {
      return;
    }
    fs.appendFileSync(at('trace'), `${name}\n`);
    const others = fs.readdirSync(this.folder).filter(f => f !== 'trace');
    switch (edit) {
      case 'write':
        fs.writeFileSync(at(`file-${name}`), name.repeat(50), { mode: 0o640 });
        break;
      case 'rename':
        others
          .slice(0, 1)
          .forEach(f => fs.renameSync(at(f), at(`${f}-${name}`)));
        break;
      case 'delete':
        others.slice(-1).forEach(f => fs.rmSync(at(f), { recursive: true }));
        break;
      case 'link':
        fs.symlinkSync(others[0] ?? 'nowhere', at(`link-${name}`));
        break;
      default:
        fs.mkdirSync(at(`folder-${name}`, '.git', 'empty'), {
          recursive: true,
        });
        fs.writeFileSync(at(`folder-${name}`, '.git', 'HEAD'), name);
        fs.chmodSync(at(`folder-${name}`, '.git', 'HEAD'), 0o755);
    }
  }
}

/** A step that began: what it found. */
type Begun = { place: number; run: number; trace: string[]; tree: Tree };

describe('the files that a step finds when its task runs again', () => {
  const logger = mockServices.logger.mock();
  let knex: Knex;
  let pass: RecoveryPass;
  let scaffolder: RealScaffolder;
  let snapshots: Snapshots;
  let current: RandomTask;
  const begun: Begun[] = [];

  beforeAll(async () => {
    knex = await databases.init('SQLITE_3');
    await migrateScaffolder(knex);
    const limits = { maxBytes: 1e9, maxFiles: 1e5 };
    const stores = storesInDatabase(knex);
    snapshots = new Snapshots({ knex, limits, logger, stores });
    pass = await createPass(
      knex,
      logger,
      directory.path,
      SNAPSHOTS_IN_DATABASE,
    );
    scaffolder = await RealScaffolder.create({
      knex,
      workingDirectory: directory.path,
      logger,
      workspaceProvider: new RecoveryWorkspaceProvider({
        knex,
        snapshots,
        readable: DATABASE_ONLY,
        readiness: { ensure: async () => {} },
        runs: { isDoubled: () => false },
        inTurn: (_taskId, fill) => fill(),
        logger,
      }),
      onStep: ({ place, run, part, workspacePath }) => {
        const workspace = new Workspace(workspacePath);
        if (part === 'first') {
          const { trace, tree } = workspace;
          begun.push({ place, run, trace, tree });
        }
        workspace.edit(current.edits[place], `${place}-${part}`);
      },
    });
  });

  afterAll(() => snapshots.stop());

  /** Runs a task until it ends, and as often again as it is killed. */
  async function runToItsEnd(task: RandomTask): Promise<string> {
    current = task;
    begun.splice(0);
    const taskId = await scaffolder.dispatch(task.steps);
    await rememberStrategy(knex, {
      task_id: taskId,
      strategy: 'idempotent',
      source: 'template',
      remark: null,
    });
    await scaffolder.run();
    while ((await readTask(knex, taskId)).status === 'processing') {
      await pass.runAtStartup();
      if ((await readTask(knex, taskId)).status === 'open') {
        await scaffolder.run();
      }
      // Before its last heartbeat. Otherwise it would look as if it had not been claimed since.
      await knex(ATTEMPTS).update({ decided_at: secondsAgo(knex, 700) });
    }
    return taskId;
  }

  /** What a step is to find: the whole traces of the steps before it, and what has run since in its run. */
  function expectedTrace({ steps, edits }: RandomTask, step: Begun): string[] {
    const ofRun = begun.filter(b => b.run === step.run);
    const before = ofRun.slice(0, ofRun.indexOf(step));
    const [first] = ofRun;
    const hasFailed = (place: number) =>
      steps[place].failsIn!.includes(step.run);
    const whole = (place: number) => [`${place}-first`, `${place}-second`];
    const parts = (place: number, isWhole: boolean) => {
      const all = isWhole ? whole(place) : whole(place).slice(0, 1);
      return edits[place] === 'none' ? [] : all;
    };
    return [
      ...steps.flatMap((s, place) =>
        place < first.place && s.if !== '${{ false }}'
          ? parts(place, true)
          : [],
      ),
      ...before.flatMap(({ place }) => parts(place, !hasFailed(place))),
    ];
  }

  it('are those that were there before, whenever its process is killed', async () => {
    let resumed = 0;
    for (const task of fc.sample(tasks, { seed: 20, numRuns: 200 })) {
      const taskId = await runToItsEnd(task);
      for (const step of begun) {
        expect({
          task,
          step: step.place,
          run: step.run,
          trace: step.trace,
        }).toEqual({
          task,
          step: step.place,
          run: step.run,
          trace: expectedTrace(task, step),
        });
        // The same trace is the same files, byte by byte.
        const same = begun.find(b => `${b.trace}` === `${step.trace}`)!;
        expect(step.tree).toEqual(same.tree);
        resumed += step.run > 1 && step.trace.length > 0 ? 1 : 0;
      }
      await knex(TASKS).where({ id: taskId }).delete();
    }
    expect(resumed).toBeGreaterThan(100);
  });

  it('are those that were there before, when somebody starts it again after a step had failed halfway', async () => {
    const retries = new Retries({
      knex,
      config: { snapshots: SNAPSHOTS_IN_DATABASE },
      memory: {
        lookUpSoon: async () => ({
          strategy: 'idempotent',
          source: 'template',
        }),
      },
      logger,
    });
    const listener = (builder: Knex.QueryBuilder) => retries.starts(builder);
    knex.on('start', listener);
    for (const drawn of fc.sample(tasks, { seed: 21, numRuns: 60 })) {
      const task = {
        ...drawn,
        steps: drawn.steps.map(step => ({
          ...step,
          killedIn: [],
          failsIn: step.failsIn?.filter(run => run === 1),
        })),
      };
      const taskId = await runToItsEnd(task);
      const { status } = await readTask(knex, taskId);
      if (status !== 'failed') {
        continue;
      }
      const started = await retries.plan(taskId);
      await scaffolder.retry(taskId);
      await scaffolder.run();
      await started({ isStarted: true });
      for (const step of begun) {
        expect({ task, ...step, tree: {} }).toEqual({
          task,
          ...step,
          tree: {},
          trace: expectedTrace(task, step),
        });
      }
      await knex(TASKS).where({ id: taskId }).delete();
    }
    knex.removeListener('start', listener);
  });

  it('are gone from the database once it has completed', async () => {
    const task: RandomTask = {
      edits: ['write', 'write'],
      steps: [
        { id: randomUUID(), failsIn: [], killedIn: [] },
        { id: randomUUID(), failsIn: [], killedIn: [1] },
      ],
    };
    const taskId = await runToItsEnd(task);
    expect(await readTask(knex, taskId)).toMatchObject({ status: 'completed' });
    expect(await knex(SNAPSHOTS).where({ task_id: taskId })).toEqual([]);
  });
});

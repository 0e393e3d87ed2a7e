import { readHistory } from './history';
import { Plan, planRecovery } from './plan';
import { readProgress } from './progress';
import { StepRecords, TaskStep } from '../../scaffolder/taskRecord';

const step = (id: string, dependsOn?: string[]): TaskStep => ({
  id,
  recovery: dependsOn && { dependsOn },
});

/** The record of a task's course in the database, written as it happens. */
class Course {
  readonly events: string[] = [];
  readonly records: StepRecords = {};
  #number = 0;

  /** A run begins with the files of a snapshot, or without any. */
  begin(base: number | null = null): this {
    this.#number += 1;
    return this.#add(['begin', base, null, null]);
  }

  recovered(kept: string[]): this {
    for (const id of Object.keys(this.records)) {
      if (!kept.includes(id)) {
        delete this.records[id];
      }
    }
    return this.#add('recovered');
  }

  starts(stepId: string): this {
    return this.#add({ stepId, status: 'processing' });
  }

  snapshot(changed: boolean | null, problem: string | null = null): this {
    this.#number += 1;
    return this.#add(['snapshot', this.#number, changed, problem]);
  }

  ends(stepId: string, status = 'completed'): this {
    if (status === 'completed') {
      this.records[stepId] = { status, output: {} };
    }
    return this.#add({ stepId, status });
  }

  /** A step runs to its end. */
  runs(stepId: string, changed: boolean | null): this {
    return this.starts(stepId).snapshot(changed).ends(stepId);
  }

  /** A step that was finished is skipped. */
  skips(stepId: string): this {
    return this.#add({ stepId, status: 'completed' });
  }

  plan(
    steps: TaskStep[],
    strategy: 'restart' | 'idempotent' = 'idempotent',
  ): Plan {
    const history = readHistory(this.events);
    const progress = readProgress(steps, this.records, history);
    return planRecovery(steps, progress, strategy, { hasSnapshots: true });
  }

  #add(event: unknown): this {
    this.events.push(JSON.stringify(event));
    return this;
  }
}

const again = (plan: Plan) =>
  plan.again.map(({ stepId, because }) => [stepId, because.kind]);

describe('the files that a plan begins with', () => {
  const steps = [step('fetch'), step('log'), step('edit'), step('publish')];

  it('are those of the moment before the interrupted step', () => {
    const plan = new Course()
      .begin() // 1
      .runs('fetch', true) // 2
      .runs('log', false) // 3
      .runs('edit', true) // 4
      .starts('publish')
      .snapshot(true) // 5, after a checkpoint
      .plan(steps);
    expect(plan).toEqual({
      skipped: ['fetch', 'log', 'edit'],
      again: [],
      goesOnAt: 'publish',
      files: { kind: 'snapshot', number: 4, stepId: 'edit' },
    });
  });

  it('are none with the strategy restart, and when the first step was interrupted', () => {
    const course = new Course().begin().starts('fetch').snapshot(true);
    expect(course.plan(steps).files).toEqual({ kind: 'empty' });
    course.ends('fetch').records.fetch = { status: 'completed', output: {} };
    expect(course.plan(steps, 'restart').files).toEqual({ kind: 'empty' });
  });

  it('are those at the end of a step that is recorded, though its end was not logged', () => {
    const course = new Course().begin().starts('fetch').snapshot(true);
    course.records.fetch = { status: 'completed', output: {} };
    expect(course.plan(steps)).toMatchObject({
      skipped: ['fetch'],
      files: { kind: 'snapshot', number: 2, stepId: 'fetch' },
    });
  });

  it('are not those of a step that ended and was not recorded', () => {
    const course = new Course()
      .begin()
      .runs('fetch', true)
      .starts('log')
      .snapshot(true);
    expect(course.plan(steps)).toMatchObject({
      goesOnAt: 'log',
      files: { number: 2 },
    });
  });

  it('pass over steps that were skipped for their conditions', () => {
    const course = new Course()
      .begin()
      .runs('fetch', true) // 2
      .starts('log')
      .ends('log', 'skipped')
      .snapshot(false)
      .starts('edit');
    expect(course.plan(steps).files).toMatchObject({ number: 2 });
  });

  it('are those at the end of the last of steps that share an id, also if that was skipped', () => {
    const course = new Course()
      .begin()
      .runs('a', true) // 2
      .starts('a')
      .ends('a', 'skipped')
      .snapshot(false)
      .starts('b');
    const shared = [step('a'), step('a'), step('b')];
    expect(course.plan(shared)).toMatchObject({
      skipped: ['a'],
      files: { number: 3 },
    });
  });

  it('are those from before a step that failed halfway, and what ran after it runs again', () => {
    const course = new Course()
      .begin()
      .runs('fetch', true) // 2
      .starts('log')
      .snapshot(true)
      .ends('log', 'failed')
      .runs('edit', true)
      .starts('publish');
    const plan = course.plan(steps);
    expect(plan.files).toMatchObject({ number: 2 });
    expect(again(plan)).toEqual([['edit', 'afterFailed']]);
  });

  it('lie before the first step that others depend on; later ones that changed files run again', () => {
    const half = [
      step('fetch'),
      step('edit'),
      step('note'),
      step('format'),
      step('publish', ['edit']),
    ];
    const plan = new Course()
      .begin()
      .runs('fetch', true) // 2
      .runs('edit', true)
      .runs('note', false)
      .runs('format', true)
      .starts('publish')
      .plan(half);
    expect(plan).toMatchObject({
      skipped: ['fetch', 'note'],
      files: { kind: 'snapshot', number: 2, stepId: 'fetch' },
    });
    expect(again(plan)).toEqual([
      ['edit', 'neededBy'],
      ['format', 'filesLost'],
    ]);
  });

  it('lie still further back if a step whose files are lost depends on an earlier one', () => {
    const chain = [
      step('fetch'),
      step('edit'),
      step('format', ['fetch']),
      step('publish', ['edit']),
    ];
    const plan = new Course()
      .begin()
      .runs('fetch', true)
      .runs('edit', true)
      .runs('format', true)
      .starts('publish')
      .plan(chain);
    expect(plan).toMatchObject({ skipped: [], files: { kind: 'empty' } });
    expect(again(plan)).toEqual([
      ['fetch', 'neededBy'],
      ['edit', 'neededBy'],
      ['format', 'filesLost'],
    ]);
  });

  it('come from the snapshots of the run that went back, and from those before the point that it went back to', () => {
    const half = [
      step('fetch'),
      step('edit'),
      step('note'),
      step('publish', ['edit']),
      step('register'),
    ];
    const course = new Course()
      .begin() // 1
      .runs('fetch', true) // 2
      .runs('edit', true) // 3
      .runs('note', false) // 4
      .starts('publish')
      .recovered(['fetch', 'note'])
      .begin(2) // 5
      .skips('fetch')
      .runs('edit', true) // 6
      .skips('note')
      .starts('publish')
      .snapshot(true) // 7
      .recovered(['fetch', 'edit', 'note'])
      .begin(6); // 8
    // `note` changed nothing, and its own snapshot has an edit that was made again since.
    expect(course.plan(half)).toMatchObject({
      skipped: ['fetch', 'note'],
      files: { number: 2 },
    });
    course.skips('edit').runs('publish', false).starts('register');
    expect(course.plan(half)).toMatchObject({
      skipped: ['fetch', 'edit', 'note', 'publish'],
      files: { number: 9, stepId: 'publish' },
    });
  });

  it('are those at the end of the last of several steps that share an id', () => {
    const shared = [step('a'), step('b'), step('a'), step('c')];
    const course = new Course()
      .begin()
      .runs('a', true)
      .runs('b', true)
      .runs('a', true) // 4
      .starts('c')
      .snapshot(true);
    expect(course.plan(shared)).toMatchObject({
      skipped: ['a', 'b'],
      files: { number: 4 },
    });
  });

  it('are from before the first of several steps that share an id, if one of them had not finished', () => {
    const shared = [step('x'), step('a'), step('b'), step('a')];
    const plan = new Course()
      .begin()
      .runs('x', true) // 2
      .runs('a', true)
      .runs('b', true)
      .starts('a')
      .plan(shared);
    expect(plan.files).toMatchObject({ number: 2 });
    expect(again(plan)).toEqual([
      ['a', 'sharedId'],
      ['b', 'filesLost'],
    ]);
  });
});

describe('a plan without a snapshot', () => {
  const steps = [step('fetch'), step('edit'), step('publish')];

  it.each([
    ['could not be made', (c: Course) => c.snapshot(true, 'too large')],
    ['is not there', (c: Course) => c],
  ])(
    'runs all steps again if it %s, and no step has a dependsOn',
    (_, take) => {
      const course = new Course().begin().runs('fetch', true).starts('edit');
      const plan = take(course).ends('edit').starts('publish').plan(steps);
      expect(plan).toMatchObject({
        skipped: [],
        goesOnAt: 'publish',
        files: { kind: 'missing', stepId: 'edit' },
      });
      expect(again(plan)).toEqual([
        ['fetch', 'noSnapshot'],
        ['edit', 'noSnapshot'],
      ]);
    },
  );

  it('gives the reason why there is none', () => {
    const course = new Course().begin().starts('fetch');
    course.snapshot(true, 'too large').ends('fetch').starts('edit');
    expect(course.plan(steps).files).toMatchObject({ problem: 'too large' });
  });

  it('runs again what the steps depend on, if they have a dependsOn', () => {
    const dependent = [step('fetch'), step('edit'), step('publish', ['fetch'])];
    const course = new Course().begin().starts('fetch').ends('fetch');
    course.starts('edit').ends('edit').starts('publish');
    const plan = course.plan(dependent);
    // Before the first step there are no files, so nothing is missing.
    expect(plan.files).toEqual({ kind: 'empty' });
    expect(again(plan)).toEqual([
      ['fetch', 'neededBy'],
      ['edit', 'filesLost'],
    ]);
    const later = [step('fetch'), step('edit', ['fetch']), step('publish')];
    expect(course.plan(later)).toMatchObject({
      skipped: ['fetch', 'edit'],
      again: [],
      files: { kind: 'missing', stepId: 'edit' },
    });
  });

  it('skips steps that are known to have changed nothing', () => {
    const course = new Course().begin().runs('fetch', false);
    course.starts('edit').snapshot(false, 'unreadable').ends('edit');
    expect(course.starts('publish').plan(steps)).toMatchObject({
      skipped: ['fetch', 'edit'],
      again: [],
    });
  });

  it('of a run before snapshots were kept runs all steps again', () => {
    const course = new Course().starts('fetch').ends('fetch').starts('edit');
    expect(again(course.plan(steps))).toEqual([['fetch', 'noSnapshot']]);
  });

  it('ignores the snapshot of a run that had lost its task', () => {
    const course = new Course()
      .begin()
      .runs('fetch', true) // 2
      .starts('edit')
      .recovered(['fetch'])
      .snapshot(true)
      .starts('edit');
    expect(course.plan(steps).files).toMatchObject({ number: 2 });
  });
});

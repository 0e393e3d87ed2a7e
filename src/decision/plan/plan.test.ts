import fc from 'fast-check';
import { readHistory } from './history';
import { beginsEmpty, Plan, planRecovery } from './plan';
import { readProgress } from './progress';
import { StepRecords, TaskStep } from '../../scaffolder/taskRecord';

const step = (id: string, dependsOn?: unknown): TaskStep => ({
  id,
  recovery: dependsOn === undefined ? undefined : { dependsOn },
});
const completed = (...ids: string[]): StepRecords =>
  Object.fromEntries(ids.map(id => [id, { status: 'completed', output: {} }]));
const log = (stepId: string, status: string) =>
  JSON.stringify({ message: '', stepId, status });

/** The plan for what is recorded of the steps, and their states by the task's events. */
function planOf(
  steps: TaskStep[],
  records: StepRecords,
  strategy: 'restart' | 'idempotent',
  events: string[] = [],
): Plan {
  const progress = readProgress(steps, records, readHistory(events));
  return planRecovery(steps, progress, strategy);
}

describe('planRecovery', () => {
  it('goes on at the interrupted step and skips those that finished', () => {
    expect(
      planOf(
        [step('a'), step('b'), step('c')],
        completed('a', 'b'),
        'idempotent',
      ),
    ).toEqual({ skipped: ['a', 'b'], again: [], goesOnAt: 'c' });
  });

  it('runs a step again that the interrupted one depends on', () => {
    expect(
      planOf(
        [step('fetch'), step('lint'), step('transform', 'fetch')],
        completed('fetch', 'lint'),
        'idempotent',
      ),
    ).toEqual({
      skipped: ['lint'],
      again: [
        {
          stepId: 'fetch',
          because: { kind: 'neededBy', stepIds: ['transform'] },
        },
      ],
      goesOnAt: 'transform',
    });
  });

  it('follows dependencies through other steps, and those of later steps', () => {
    expect(
      planOf(
        [
          step('a'),
          step('b', ['a']),
          step('c'),
          step('d', []),
          step('e', ['b', 'b']),
        ],
        completed('a', 'b', 'c'),
        'idempotent',
      ),
    ).toEqual({
      skipped: ['c'],
      again: [
        { stepId: 'a', because: { kind: 'neededBy', stepIds: ['b'] } },
        { stepId: 'b', because: { kind: 'neededBy', stepIds: ['e'] } },
      ],
      goesOnAt: 'd',
    });
  });

  it('does not run a dependency again that only finished steps have', () => {
    expect(
      planOf(
        [step('a'), step('b', 'a'), step('c')],
        completed('a', 'b'),
        'idempotent',
      ),
    ).toMatchObject({ skipped: ['a', 'b'], again: [] });
  });

  it('runs nothing again for a step that was skipped for its condition', () => {
    expect(
      planOf(
        [step('create'), step('optional', 'create'), step('slow')],
        completed('create'),
        'idempotent',
        [log('optional', 'processing'), log('optional', 'skipped')],
      ),
    ).toEqual({ skipped: ['create'], again: [], goesOnAt: 'slow' });
  });

  it('runs a step again that others depend on which were passed over after a failure that was not logged', () => {
    // Steps `two` and `three` were passed over, since not even the begin of `one` could be written. Then the task was started again.
    expect(
      planOf(
        [step('one'), step('two'), step('three', 'one')],
        completed('one'),
        'idempotent',
        [
          log('two', 'skipped'),
          log('three', 'skipped'),
          '"recovered"',
          log('one', 'processing'),
          log('one', 'completed'),
          log('two', 'processing'),
        ],
      ),
    ).toEqual({
      skipped: [],
      again: [
        {
          stepId: 'one',
          because: { kind: 'neededBy', stepIds: ['three'] },
        },
      ],
      goesOnAt: 'two',
    });
  });

  it('runs a finished step again whose output was not recorded', () => {
    expect(
      planOf(
        [step('a'), step('b', 'a'), step('c')],
        { ...completed('a'), b: { status: 'completed' } },
        'idempotent',
      ),
    ).toEqual({
      skipped: [],
      again: [
        { stepId: 'a', because: { kind: 'neededBy', stepIds: ['b'] } },
        { stepId: 'b', because: { kind: 'noOutput' } },
      ],
      goesOnAt: 'b',
    });
  });

  it('runs all steps again for restart, whatever the dependencies', () => {
    expect(
      planOf(
        [step('a', 'nonsense'), step('b'), step('c')],
        completed('a', 'b'),
        'restart',
      ),
    ).toEqual({
      skipped: [],
      again: [
        { stepId: 'a', because: { kind: 'restart' } },
        { stepId: 'b', because: { kind: 'restart' } },
      ],
      goesOnAt: 'a',
    });
  });

  it.each([
    [
      'unknown',
      [step('a'), step('b', 'fetsh'), step('c')],
      `Step 'b' depends on 'fetsh', which is not a step of this template; expected the step before it: 'a'`,
    ],
    [
      'later',
      [step('a'), step('b', ['a', 'c']), step('c')],
      `Step 'b' depends on 'c', which comes after it; expected the step before it: 'a'`,
    ],
    [
      'the step itself',
      [step('a', 'a'), step('b'), step('c')],
      `Step 'a' depends on itself; the first step cannot depend on another`,
    ],
    [
      'circular',
      [step('a', 'c'), step('b', 'a'), step('c', 'b')],
      `Step 'a' depends on 'c', which comes after it and depends on it in turn (a → c → b → a); the first step cannot depend on another`,
    ],
    [
      'no id',
      [step('a'), step('b', 4), step('c')],
      `Step 'b' has recovery.dependsOn 4; expected recovery.dependsOn with the id of a step or a list of ids`,
    ],
    [
      'misspelt',
      [step('a'), { id: 'b', recovery: { dependson: 'a' } }, step('c')],
      `Step 'b' has recovery.dependson, which is unknown; did you mean 'dependsOn'? Expected 'dependsOn'`,
    ],
    [
      'no block',
      [step('a'), { id: 'b', recovery: 'a' }, step('c')],
      `Step 'b' has recovery "a"; expected recovery.dependsOn with the id of a step or a list of ids`,
    ],
  ])(
    'runs all steps again, with a warning, when a dependency is %s',
    (_, steps, warning) => {
      expect(planOf(steps, completed('a', 'b'), 'idempotent')).toEqual({
        skipped: [],
        again: [
          { stepId: 'a', because: { kind: 'invalidPlan' } },
          { stepId: 'b', because: { kind: 'invalidPlan' } },
        ],
        goesOnAt: 'c',
        warning: `${warning}. All steps run again`,
      });
    },
  );

  describe('of steps that share an id', () => {
    const steps = [step('a'), step('p'), step('p'), step('z')];
    const begin = [
      log('a', 'processing'),
      log('a', 'completed'),
      log('p', 'processing'),
      log('p', 'completed'),
    ];

    it('runs them all again when one of them has not finished, and gives the reason', () => {
      for (const events of [begin, [...begin, log('p', 'processing')]]) {
        expect(
          planOf(steps, completed('a', 'p'), 'idempotent', events),
        ).toEqual({
          skipped: ['a'],
          again: [{ stepId: 'p', because: { kind: 'sharedId' } }],
          goesOnAt: 'p',
        });
      }
    });

    it('skips them when each of them has finished', () => {
      expect(
        planOf(steps, completed('a', 'p'), 'idempotent', [
          ...begin,
          log('p', 'processing'),
          log('p', 'completed'),
          log('z', 'processing'),
        ]),
      ).toEqual({ skipped: ['a', 'p'], again: [], goesOnAt: 'z' });
    });

    it.each([
      ['the first one', ['completed', 'skipped']],
      ['the second one', ['skipped', 'completed']],
    ])('skips them when only %s was to run', (_, [first, second]) => {
      expect(
        planOf(steps, completed('a', 'p'), 'idempotent', [
          log('a', 'processing'),
          log('a', 'completed'),
          log('p', 'processing'),
          log('p', first),
          log('p', 'processing'),
          log('p', second),
          log('z', 'processing'),
        ]),
      ).toEqual({ skipped: ['a', 'p'], again: [], goesOnAt: 'z' });
    });

    it('goes on at the second one when the first one was not to run', () => {
      expect(
        planOf(steps, completed('a'), 'idempotent', [
          log('a', 'processing'),
          log('a', 'completed'),
          log('p', 'processing'),
          log('p', 'skipped'),
          log('p', 'processing'),
        ]),
      ).toEqual({ skipped: ['a'], again: [], goesOnAt: 'p' });
    });

    it('skips them when a later run was interrupted while it skipped them', () => {
      const all = [...begin, log('p', 'processing'), log('p', 'completed')];
      for (const later of [
        [],
        [log('a', 'completed')],
        [log('a', 'completed'), log('p', 'completed')],
      ]) {
        expect(
          planOf(steps, completed('a', 'p'), 'idempotent', [
            ...all,
            '"recovered"',
            ...later,
          ]),
        ).toMatchObject({ skipped: ['a', 'p'], goesOnAt: 'z' });
      }
    });

    it('runs them all when the scaffolder alone has skipped one of them that never finished', () => {
      for (const end of [
        [],
        [log('p', 'completed')],
        [log('p', 'completed'), log('p', 'completed'), log('z', 'processing')],
      ]) {
        expect(
          planOf(steps, completed('a', 'p'), 'idempotent', [
            ...begin,
            log('p', 'processing'),
            '"recovered"',
            log('a', 'completed'),
            ...end,
          ]),
        ).toMatchObject({
          skipped: ['a'],
          again: [{ stepId: 'p', because: { kind: 'sharedId' } }],
        });
      }
    });

    it('brings what each of them depends on, also what stands between them', () => {
      const apart = [
        step('f'),
        step('p', 'f'),
        step('g'),
        step('p', 'g'),
        step('z', 'p'),
      ];
      const events = ['f', 'p', 'g', 'p'].flatMap(id => [
        log(id, 'processing'),
        log(id, 'completed'),
      ]);
      expect(
        planOf(apart, completed('f', 'p', 'g'), 'idempotent', events),
      ).toMatchObject({
        skipped: [],
        again: [
          { stepId: 'f', because: { kind: 'neededBy', stepIds: ['p'] } },
          { stepId: 'p', because: { kind: 'neededBy', stepIds: ['z'] } },
          { stepId: 'g', because: { kind: 'neededBy', stepIds: ['p'] } },
        ],
      });
    });
  });

  describe('of a step that failed', () => {
    const steps = [step('a'), step('b'), step('cleanup'), step('notify')];
    const events = [
      log('a', 'processing'),
      log('a', 'completed'),
      log('b', 'processing'),
      log('b', 'failed'),
      log('cleanup', 'processing'),
      log('cleanup', 'completed'),
      log('notify', 'processing'),
    ];

    it('runs all steps after it again, such as one that cleans up', () => {
      expect(
        planOf(steps, completed('a', 'cleanup'), 'idempotent', events),
      ).toEqual({
        skipped: ['a'],
        again: [
          {
            stepId: 'cleanup',
            because: { kind: 'afterFailed', stepId: 'b' },
          },
        ],
        goesOnAt: 'b',
      });
    });

    it('brings what those need that were passed over, since they run this time', () => {
      const withNeed = [step('a'), step('b'), step('c', 'a')];
      expect(
        planOf(withNeed, completed('a'), 'idempotent', [
          ...events.slice(0, 4),
          log('c', 'skipped'),
        ]),
      ).toMatchObject({
        skipped: [],
        again: [{ stepId: 'a', because: { kind: 'neededBy' } }],
      });
    });

    it('counts as failed when the run was cancelled before it began, and left it', () => {
      const withNeed = [step('a'), step('b'), step('c', 'a')];
      expect(
        planOf(withNeed, completed('a'), 'idempotent', [
          ...events.slice(0, 3),
          log('c', 'skipped'),
        ]),
      ).toMatchObject({ skipped: [], goesOnAt: 'b' });
    });

    it('does not run those again that had finished before it failed, in an earlier run', () => {
      expect(
        planOf(
          [step('fetch'), step('publish'), step('register', 'fetch')],
          completed('publish'),
          'idempotent',
          [
            log('fetch', 'processing'),
            log('fetch', 'completed'),
            log('publish', 'processing'),
            log('publish', 'completed'),
            log('register', 'processing'),
            '"recovered"',
            log('fetch', 'processing'),
            log('fetch', 'failed'),
            log('publish', 'completed'),
            log('register', 'skipped'),
          ],
        ),
      ).toEqual({ skipped: ['publish'], again: [], goesOnAt: 'fetch' });
    });

    it('skips it and those after it once they have all finished in a later run', () => {
      expect(
        planOf(steps, completed('a', 'b', 'cleanup'), 'idempotent', [
          ...events,
          '"recovered"',
          log('a', 'completed'),
          log('b', 'processing'),
          log('b', 'completed'),
          log('cleanup', 'processing'),
          log('cleanup', 'completed'),
          log('notify', 'processing'),
        ]),
      ).toEqual({
        skipped: ['a', 'b', 'cleanup'],
        again: [],
        goesOnAt: 'notify',
      });
    });
  });

  it('is not misled by step ids that are names of object properties', () => {
    expect(
      planOf(
        [step('constructor'), step('__proto__', 'constructor')],
        {},
        'idempotent',
      ),
    ).toEqual({ skipped: [], again: [], goesOnAt: 'constructor' });
  });

  describe('for any steps, dependencies and records', () => {
    // Steps with dependencies on earlier ones only, and any of them recorded, with or without an output.
    const tasks = fc
      .integer({ min: 1, max: 12 })
      .chain(n =>
        fc.tuple(
          ...Array.from({ length: n }, (_, i) =>
            fc.record({
              dependsOn: fc.uniqueArray(fc.nat({ max: Math.max(i - 1, 0) }), {
                maxLength: i,
              }),
              record: fc.constantFrom('none', 'completed', 'noOutput'),
            }),
          ),
        ),
      )
      .map(drawn => {
        const steps = drawn.map((d, i) =>
          step(
            `s${i}`,
            d.dependsOn.map(k => `s${k}`),
          ),
        );
        const records: StepRecords = {};
        drawn.forEach((d, i) => {
          if (d.record !== 'none') {
            records[`s${i}`] = {
              status: 'completed',
              ...(d.record === 'completed' ? { output: {} } : {}),
            };
          }
        });
        return { steps, records };
      });

    const dependenciesOf = (s: TaskStep) =>
      (s.recovery as { dependsOn: string[] }).dependsOn;

    it('has the dependencies of every step that runs in the same run', () => {
      fc.assert(
        fc.property(tasks, ({ steps, records }) => {
          const { skipped } = planOf(steps, records, 'idempotent');
          for (const s of steps.filter(({ id }) => !skipped.includes(id))) {
            for (const dependency of dependenciesOf(s)) {
              expect(skipped).not.toContain(dependency);
            }
          }
        }),
      );
    });

    it('restores the output of every step that is skipped', () => {
      fc.assert(
        fc.property(tasks, ({ steps, records }) => {
          const { skipped } = planOf(steps, records, 'idempotent');
          for (const id of skipped) {
            expect(records[id]?.output).toBeDefined();
          }
        }),
      );
    });

    it('runs nothing that finished and that no step which runs depends on', () => {
      fc.assert(
        fc.property(tasks, ({ steps, records }) => {
          const { skipped, again } = planOf(steps, records, 'idempotent');
          const runs = steps.filter(({ id }) => !skipped.includes(id));
          const needing = (id: string) =>
            runs.filter(s => dependenciesOf(s).includes(id)).map(s => s.id);
          for (const { stepId, because } of again) {
            const stepIds = because.kind === 'neededBy' ? because.stepIds : [];
            expect(stepIds).toEqual(needing(stepId));
            expect(
              stepIds.length > 0 || records[stepId]?.output === undefined,
            ).toBe(true);
          }
        }),
      );
    });

    it('has every completed step as skipped or as one that runs again, in order', () => {
      fc.assert(
        fc.property(tasks, ({ steps, records }) => {
          const { skipped, again } = planOf(steps, records, 'idempotent');
          const inOrder = steps.map(s => s.id).filter(id => records[id]);
          const againIds = again.map(a => a.stepId);
          expect(inOrder.filter(id => skipped.includes(id))).toEqual(skipped);
          expect(inOrder.filter(id => againIds.includes(id))).toEqual(againIds);
          expect([...skipped, ...againIds].sort()).toEqual([...inOrder].sort());
        }),
      );
    });
  });
});

describe('beginsEmpty', () => {
  const again = (because: Plan['again'][number]['because']) => [
    { stepId: 'b', because },
  ];

  it.each([
    ['nothing is skipped', { skipped: [], again: [] }, true],
    ['some steps are skipped', { skipped: ['a'], again: [] }, false],
    [
      'a step depends on one that runs again',
      {
        skipped: ['a'],
        again: again({ kind: 'neededBy', stepIds: ['c'] }),
      },
      true,
    ],
    [
      'a step runs again that cleaned up',
      {
        skipped: ['a'],
        again: again({ kind: 'afterFailed', stepId: 'a' }),
      },
      false,
    ],
    [
      'a step runs again that shares its id',
      { skipped: ['a'], again: again({ kind: 'sharedId' }) },
      false,
    ],
  ] as [string, Plan, boolean][])('when %s', (_, plan, isEmpty) => {
    expect(beginsEmpty(plan)).toBe(isEmpty);
  });
});

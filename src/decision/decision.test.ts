import { decide, InterruptedTask } from './decision';
import { readHistory } from './plan/history';

const log = (stepId: string, status: string) =>
  JSON.stringify({ message: '', stepId, status });

function task(overrides: Partial<InterruptedTask> = {}): InterruptedTask {
  return {
    spec: JSON.stringify({ steps: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] }),
    state: JSON.stringify({
      state: {
        checkpoints: { 'v1.task.checkpoint.b.x': { status: 'success' } },
        steps: { a: { status: 'completed', output: { x: 1 } } },
      },
    }),
    secrets: 'readable',
    hasHeartbeat: true,
    secondsSilent: 40,
    history: readHistory([log('a', 'completed'), log('b', 'processing')]),
    strategy: { strategy: 'idempotent', source: 'template' },
    interruptedBy: 'silence',
    maxAttempts: 3,
    taskTimeoutSeconds: 86_400,
    hasSnapshots: false,
    ...overrides,
  };
}

describe('decide', () => {
  it('closes a task whose strategy is none', () => {
    const strategy = { strategy: 'none', source: 'default' } as const;
    expect(decide(task({ strategy }))).toEqual({
      kind: 'failed',
      because: { kind: 'none' },
      interruptedAt: 'b',
      runningSteps: ['b'],
    });
  });

  it('lets an idempotent task go on with what it has recorded', () => {
    const decision = decide(task());
    expect(decision).toMatchObject({
      kind: 'resume',
      interruptedAt: 'b',
      plan: { skipped: ['a'], again: [] },
    });
    expect(JSON.parse((decision as any).state)).toEqual(
      JSON.parse(task().state!),
    );
  });

  it('restarts a task without its step records and with its checkpoints', () => {
    const strategy = { strategy: 'restart', source: 'template' } as const;
    const decision = decide(task({ strategy }));
    expect(decision).toMatchObject({ kind: 'restart', interruptedAt: 'b' });
    expect(JSON.parse((decision as any).state)).toEqual({
      state: {
        checkpoints: { 'v1.task.checkpoint.b.x': { status: 'success' } },
        steps: {},
      },
    });
  });

  describe('of a task that makes no progress', () => {
    const restart = { strategy: 'restart', source: 'template' } as const;
    const stuck = { attemptsUsed: 3, finishedSteps: 1 };

    it('closes it when it was recovered as often as allowed', () => {
      expect(decide(task({ effort: stuck }))).toEqual({
        kind: 'failed',
        because: {
          kind: 'attempts',
          tries: 4,
          limit: 3,
          hasFinished: false,
        },
        interruptedAt: 'b',
        runningSteps: ['b'],
      });
      expect(
        decide(task({ effort: { ...stuck, attemptsUsed: 2 } })),
      ).toMatchObject({
        kind: 'resume',
        attempt: { attemptsUsed: 3 },
      });
    });

    it('goes by the limit of the template, if it has one', () => {
      const strategy = { ...restart, maxAttempts: 5 };
      expect(decide(task({ strategy, effort: stuck }))).toMatchObject({
        kind: 'restart',
        attempt: { attemptsUsed: 4, limit: 5 },
      });
    });

    it('lets it go on after a planned interruption', () => {
      expect(
        decide(task({ effort: stuck, interruptedBy: 'shutdown' })),
      ).toMatchObject({
        kind: 'resume',
        attempt: { attemptsUsed: 3 },
      });
    });

    it('counts steps that finished in earlier runs, whose records a restart took away', () => {
      const history = readHistory([
        log('a', 'completed'),
        log('b', 'completed'),
        '"recovered"',
        log('a', 'completed'),
        log('b', 'processing'),
      ]);
      const effort = { attemptsUsed: 1, finishedSteps: 2 };
      expect(
        decide(task({ strategy: restart, history, effort })),
      ).toMatchObject({ attempt: { attemptsUsed: 2, finishedSteps: 2 } });
      expect(
        decide(
          task({
            strategy: restart,
            history,
            effort: { attemptsUsed: 1, finishedSteps: 1 },
          }),
        ),
      ).toMatchObject({ attempt: { attemptsUsed: 1, finishedSteps: 2 } });
    });

    it('counts a step whose record was stored and whose event was not', () => {
      const history = readHistory([log('a', 'processing')]);
      expect(decide(task({ history }))).toMatchObject({
        attempt: { finishedSteps: 1 },
      });
    });

    it('closes it as well if all its steps have finished', () => {
      const state = JSON.stringify({
        state: {
          steps: Object.fromEntries(
            ['a', 'b', 'c'].map(id => [
              id,
              { status: 'completed', output: {} },
            ]),
          ),
        },
      });
      const effort = { attemptsUsed: 3, finishedSteps: 3 };
      expect(
        decide(task({ state, effort, strategy: undefined })),
      ).toMatchObject({
        kind: 'failed',
        because: { kind: 'attempts', hasFinished: true },
        interruptedAt: 'b',
      });
    });
  });

  it('leaves a task alone whose strategy is not known yet', () => {
    expect(decide(task({ strategy: undefined }))).toEqual({ kind: 'later' });
  });

  it('closes a cancelled task as cancelled, whatever else is wrong with it', () => {
    const history = readHistory([log('b', 'processing'), '"cancelled"']);
    for (const spec of [task().spec, '{broken']) {
      expect(decide(task({ history, spec }))).toEqual({
        kind: 'cancelled',
        interruptedAt: 'b',
        runningSteps: ['b'],
      });
    }
  });

  it.each(['none', 'restart', 'idempotent', undefined] as const)(
    'records the result of a task whose steps had all finished: %s',
    s => {
      const state = JSON.stringify({
        state: {
          steps: Object.fromEntries(
            ['a', 'b', 'c'].map(id => [
              id,
              { status: 'completed', output: {} },
            ]),
          ),
        },
      });
      const strategy = s && ({ strategy: s, source: 'template' } as const);
      expect(
        decide(task({ state, strategy, history: readHistory([]) })),
      ).toMatchObject({ kind: 'finish', interruptedAt: 'c', state });
    },
  );

  it('counts a step that was skipped for its condition as finished', () => {
    const state = JSON.stringify({
      state: {
        steps: {
          a: { status: 'completed', output: {} },
          b: { status: 'completed', output: {} },
        },
      },
    });
    const history = readHistory([log('c', 'processing'), log('c', 'skipped')]);
    expect(decide(task({ state, history }))).toMatchObject({ kind: 'finish' });
  });

  it('goes on at a step that failed, though a later one was running', () => {
    const history = readHistory([log('b', 'failed'), log('c', 'processing')]);
    expect(decide(task({ history }))).toMatchObject({
      kind: 'resume',
      interruptedAt: 'c',
      plan: { goesOnAt: 'b' },
    });
  });

  it('was not interrupted at a step that was skipped for its condition', () => {
    const history = readHistory([
      log('a', 'completed'),
      log('b', 'processing'),
      log('b', 'skipped'),
    ]);
    expect(decide(task({ history }))).toMatchObject({
      interruptedAt: 'c',
      plan: { goesOnAt: 'c' },
    });
  });

  it('does not count a step as finished that was skipped since another failed', () => {
    const history = readHistory([log('b', 'failed'), log('c', 'skipped')]);
    expect(decide(task({ history }))).toMatchObject({
      kind: 'resume',
      plan: { goesOnAt: 'b' },
    });
  });

  it('starts to count anew at a recovery: what ran before does not run now', () => {
    const history = readHistory([log('b', 'processing'), '"recovered"']);
    const strategy = { strategy: 'none', source: 'default' } as const;
    expect(decide(task({ history, strategy }))).toMatchObject({
      interruptedAt: 'b',
      runningSteps: [],
    });
  });

  it.each([
    ['spec', { spec: '{"steps": [' }, 'its spec is not valid JSON'],
    ['spec', { spec: 'null' }, `its spec is wrong at ''`],
    ['spec', { spec: '{"steps":[{}]}' }, `its spec is wrong at 'steps.0.id'`],
    ['state', { state: '{"state":' }, 'its state is not valid JSON'],
    ['state', { state: 'null' }, `its state is wrong at ''`],
    ['state', { state: '{"state":{"steps":3}}' }, `wrong at 'state.steps'`],
    [
      'secrets',
      { secrets: 'unreadable' as const },
      'its secrets are not valid JSON',
    ],
    [
      'heartbeat',
      { hasHeartbeat: false },
      'it has no heartbeat, so it is not known when it ran',
    ],
  ])(
    'closes a task that no worker could claim, for its %s: %j',
    (_, broken, problem) => {
      expect(decide(task(broken))).toEqual({
        kind: 'failed',
        because: {
          kind: 'unreadable',
          problem: expect.stringContaining(problem),
        },
        interruptedAt: 'b',
        runningSteps: ['b'],
      });
    },
  );

  it('does not quote a broken spec, which may hold parameters', () => {
    const decision = decide(task({ spec: '{"parameters": hunter2' }));
    expect(JSON.stringify(decision)).not.toContain('hunter2');
  });

  it.each([null, '{}', '{"state":null}', '{"state":{"steps":null}}'])(
    'starts a task from its first step that has recorded nothing: %s',
    state => {
      expect(decide(task({ state, history: readHistory([]) }))).toMatchObject({
        kind: 'resume',
        interruptedAt: 'a',
        plan: { skipped: [], again: [], goesOnAt: 'a' },
      });
    },
  );

  describe('of steps that share an id', () => {
    const shared = {
      spec: JSON.stringify({ steps: [{ id: 'a' }, { id: 'p' }, { id: 'p' }] }),
      state: JSON.stringify({
        state: {
          steps: {
            a: { status: 'completed', output: {} },
            p: { status: 'completed', output: {} },
          },
        },
      }),
      history: readHistory([
        log('a', 'completed'),
        log('p', 'processing'),
        log('p', 'completed'),
        log('p', 'processing'),
      ]),
    };

    it('does not take the task for finished when only the first of them is', () => {
      const strategy = { strategy: 'none', source: 'default' } as const;
      expect(decide(task({ ...shared, strategy }))).toMatchObject({
        kind: 'failed',
        because: { kind: 'none' },
        interruptedAt: 'p',
      });
    });

    it('drops their record, so that the scaffolder runs them all', () => {
      const decision = decide(task(shared));
      expect(decision).toMatchObject({ kind: 'resume' });
      expect(
        Object.keys(JSON.parse((decision as any).state).state.steps),
      ).toEqual(['a']);
    });
  });

  it.each(['restart', 'idempotent'] as const)(
    'closes a task whose secrets the scaffolder has cleared, since it was started before recovery was on: %s',
    s => {
      const strategy = { strategy: s, source: 'template' } as const;
      expect(decide(task({ secrets: 'gone', strategy }))).toMatchObject({
        kind: 'failed',
        because: { kind: 'noSecrets' },
        interruptedAt: 'b',
      });
    },
  );

  it('closes a task that was silent for longer than a task may be, whatever its strategy', () => {
    for (const strategy of [task().strategy, undefined]) {
      expect(decide(task({ secondsSilent: 86_401, strategy }))).toMatchObject({
        kind: 'failed',
        because: { kind: 'tooOld', taskTimeoutSeconds: 86_400 },
      });
    }
    // As deferred while it could not be decided on.
    expect(
      decide(task({ secondsSilent: 86_401, hasHeartbeat: false })),
    ).toMatchObject({ because: { kind: 'tooOld' } });
    expect(decide(task({ secondsSilent: 86_399 }))).toMatchObject({
      kind: 'resume',
    });
  });
});

import { validateTemplate } from './validateTemplate';

const steps = [
  { id: 'create', action: 'acme:create' },
  { id: 'fetch', action: 'fetch:template' },
  { id: 'publish', action: 'publish:github' },
];

describe('validateTemplate', () => {
  it.each([
    [{}],
    [null],
    [{ steps: 'none' }],
    [{ steps }],
    [{ steps: [null, 'x', 7] }],
    [{ steps: [{ id: 'a', recovery: { foreign: true } }] }],
    [{ recovery: {}, steps }],
    [{ recovery: { strategy: 'none' }, steps }],
    [{ recovery: { strategy: 'idempotent', maxAttempts: 5 }, steps }],
  ])('finds nothing wrong with %j', spec => {
    expect(validateTemplate(spec)).toEqual([]);
  });

  it('takes the ids that the scaffolder gives to steps without', () => {
    const spec = {
      recovery: { strategy: 'idempotent' },
      steps: [{}, { recovery: { dependsOn: 'step-1' } }],
    };
    expect(validateTemplate(spec)).toEqual([]);
  });

  it.each([
    [
      { strategy: 'idempotant' },
      ['strategy'],
      `spec.recovery.strategy is "idempotant"; expected one of 'none', 'restart', 'idempotent'`,
    ],
    [
      { strategy: 'restart', maxAttempts: 0 },
      ['maxAttempts'],
      `spec.recovery.maxAttempts is 0; expected a whole number from 1 to 1000000`,
    ],
    [
      { stategy: 'restart' },
      ['stategy'],
      `spec.recovery.stategy is unknown; did you mean 'strategy'? Expected one of 'strategy', 'maxAttempts'`,
    ],
    [
      { strategy: 'restart', colour: 'red' },
      ['colour'],
      `spec.recovery.colour is unknown; expected one of 'strategy', 'maxAttempts'`,
    ],
    [
      { maxAttempts: 3 },
      [],
      `spec.recovery has no strategy; expected one of 'none', 'restart', 'idempotent'`,
    ],
    [
      'restart',
      [],
      `spec.recovery is "restart"; expected a block with a strategy, one of 'none', 'restart', 'idempotent'`,
    ],
    [
      null,
      [],
      `spec.recovery is null; expected a block with a strategy, one of 'none', 'restart', 'idempotent'`,
    ],
  ])('finds what is wrong with spec.recovery %j', (recovery, path, message) => {
    expect(validateTemplate({ recovery, steps })).toEqual([
      { path: ['recovery', ...path], message },
    ]);
  });

  it.each([
    [
      { dependsOn: 'crate' },
      ['dependsOn'],
      `Step 'fetch' depends on 'crate', which is not a step of this template; did you mean 'create'? Expected the step before it: 'create'`,
    ],
    [
      { dependsOn: ['create', 'publish'] },
      ['dependsOn', 1],
      `Step 'fetch' depends on 'publish', which comes after it; expected the step before it: 'create'`,
    ],
    [
      { dependsOn: 'fetch' },
      ['dependsOn'],
      `Step 'fetch' depends on itself; expected the step before it: 'create'`,
    ],
    [
      { dependsOn: 7 },
      ['dependsOn'],
      `Step 'fetch' has recovery.dependsOn 7; expected recovery.dependsOn with the id of a step or a list of ids`,
    ],
    [
      { dependOn: 'create' },
      ['dependOn'],
      `Step 'fetch' has recovery.dependOn, which is unknown; did you mean 'dependsOn'? Expected 'dependsOn'`,
    ],
    [
      'create',
      [],
      `Step 'fetch' has recovery "create"; expected recovery.dependsOn with the id of a step or a list of ids`,
    ],
  ])(
    'finds what is wrong with a step that has %j',
    (recovery, path, message) => {
      const [create, fetch, publish] = steps;
      const spec = {
        recovery: { strategy: 'idempotent' },
        steps: [create, { ...fetch, recovery }, publish],
      };
      expect(validateTemplate(spec)).toEqual([
        { path: ['steps', 1, 'recovery', ...path], message },
      ]);
    },
  );

  it('shows the circle that dependencies close', () => {
    const spec = {
      recovery: { strategy: 'idempotent' },
      steps: [
        { id: 'a', recovery: { dependsOn: 'c' } },
        { id: 'b', recovery: { dependsOn: 'a' } },
        { id: 'c', recovery: { dependsOn: 'b' } },
      ],
    };
    expect(validateTemplate(spec).map(p => p.message)).toEqual([
      `Step 'a' depends on 'c', which comes after it and depends on it in turn (a → c → b → a); the first step cannot depend on another`,
    ]);
  });

  it('takes steps that share an id, and checks each by itself', () => {
    const spec = {
      recovery: { strategy: 'idempotent' },
      steps: [
        { id: 'fetch' },
        { id: 'publish', recovery: { dependsOn: 'fetch' } },
        { id: 'prepare' },
        { id: 'publish', recovery: { dependsOn: ['fetch', 'prepare'] } },
      ],
    };
    expect(validateTemplate(spec)).toEqual([]);
  });

  it('finds all that is wrong, in the order of the file', () => {
    const spec = {
      recovery: { strategy: 'x', maxAttempts: 'y' },
      steps: [
        { id: 'a', recovery: { dependsOn: 'a' } },
        { id: 'b', recovery: { on: 'a' } },
      ],
    };
    expect(validateTemplate(spec).map(p => p.path.join('.'))).toEqual([
      'recovery.strategy',
      'recovery.maxAttempts',
      'steps.0.recovery.dependsOn',
      'steps.1.recovery.on',
    ]);
  });
});

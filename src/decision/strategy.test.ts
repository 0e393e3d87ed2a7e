import { strategyOfTemplate } from './strategy';

const REF = 'template:default/service';

describe('strategyOfTemplate', () => {
  it.each(['none', 'restart', 'idempotent'])(
    'takes %s from spec.recovery',
    s => {
      expect(strategyOfTemplate(REF, { recovery: { strategy: s } })).toEqual({
        strategy: s,
        source: 'template',
      });
    },
  );

  it.each([[{}], [{ recovery: {} }]])(
    'is none for a template that sets none: %j',
    spec => {
      expect(strategyOfTemplate(REF, spec)).toEqual({
        strategy: 'none',
        source: 'default',
      });
    },
  );

  it.each(['Restart', 'startOver', '', 7, null, true, ['restart']])(
    'counts strategy %j as none, and names what is allowed',
    strategy => {
      expect(strategyOfTemplate(REF, { recovery: { strategy } })).toEqual({
        strategy: 'none',
        source: 'invalid',
        remark: `${REF} is invalid: spec.recovery.strategy is ${JSON.stringify(
          strategy,
        )}; expected one of 'none', 'restart', 'idempotent'. Its strategy counts as 'none'`,
      });
    },
  );

  it.each(['restart', 3, null, ['restart']])(
    'counts spec.recovery %j as none, and names what is allowed',
    recovery => {
      expect(strategyOfTemplate(REF, { recovery })).toEqual({
        strategy: 'none',
        source: 'invalid',
        remark: `${REF} is invalid: spec.recovery is ${JSON.stringify(
          recovery,
        )}; expected a block with a strategy, one of 'none', 'restart', 'idempotent'. Its strategy counts as 'none'`,
      });
    },
  );

  it.each([
    [
      { stategy: 'restart' },
      `spec.recovery.stategy is unknown; did you mean 'strategy'? Expected one of 'strategy', 'maxAttempts'`,
    ],
    [
      { maxAttempts: 3 },
      `spec.recovery has no strategy; expected one of 'none', 'restart', 'idempotent'`,
    ],
  ])('counts a block without a strategy as none: %j', (recovery, problem) => {
    expect(strategyOfTemplate(REF, { recovery })).toEqual({
      strategy: 'none',
      source: 'invalid',
      remark: `${REF} is invalid: ${problem}. Its strategy counts as 'none'`,
    });
  });

  it('takes a limit for attempts beside the strategy', () => {
    const recovery = { strategy: 'restart', maxAttempts: 1 };
    expect(strategyOfTemplate(REF, { recovery })).toEqual({
      strategy: 'restart',
      source: 'template',
      maxAttempts: 1,
    });
  });

  it.each([0, -1, 2.5, 1_000_001, '3', null])(
    'takes no limit from an invalid maxAttempts %j, reports it, and keeps the strategy',
    maxAttempts => {
      const recovery = { strategy: 'restart', maxAttempts };
      expect(strategyOfTemplate(REF, { recovery })).toEqual({
        strategy: 'restart',
        source: 'template',
        remark: `${REF} is invalid: spec.recovery.maxAttempts is ${JSON.stringify(
          maxAttempts,
        )}; expected a whole number from 1 to 1000000. Instead, scaffolder.recoverTasksMaxAttempts applies`,
      });
    },
  );

  it('reports unknown keys, and keeps the strategy', () => {
    const recovery = { strategy: 'idempotent', maxAtempts: 5, dependsOn: 'a' };
    expect(strategyOfTemplate(REF, { recovery })).toEqual({
      strategy: 'idempotent',
      source: 'template',
      remark: `${REF} is invalid: spec.recovery.maxAtempts is unknown; did you mean 'maxAttempts'? Expected one of 'strategy', 'maxAttempts'. Also invalid: spec.recovery.dependsOn`,
    });
  });

  it('counts the legacy startOver as restart', () => {
    const legacy = {
      EXPERIMENTAL_recovery: { EXPERIMENTAL_strategy: 'startOver' },
    };
    expect(strategyOfTemplate(REF, legacy)).toEqual({
      strategy: 'restart',
      source: 'legacy',
    });
    expect(
      strategyOfTemplate(REF, { ...legacy, recovery: { strategy: 'none' } }),
    ).toEqual({ strategy: 'none', source: 'template' });
    expect(
      strategyOfTemplate(REF, {
        EXPERIMENTAL_recovery: { EXPERIMENTAL_strategy: 'none' },
      }),
    ).toEqual({ strategy: 'none', source: 'default' });
  });

  it('counts a template that is gone as none, and reports it', () => {
    expect(strategyOfTemplate(REF, undefined)).toEqual({
      strategy: 'none',
      source: 'gone',
      remark: `${REF} is not in the catalog, so its strategy is not known and counts as 'none'`,
    });
  });

  it.each([
    ['a strategy', { strategy: 'x'.repeat(1_000_000) }],
    ['a block', { stategy: 'x'.repeat(1_000_000) }],
    ['no block', ['x'.repeat(1_000_000)]],
    ['a limit', { strategy: 'restart', maxAttempts: 'x'.repeat(1_000_000) }],
    ['a key', { strategy: 'restart', ['x'.repeat(1_000_000)]: 1 }],
    [
      'many keys',
      {
        strategy: 'restart',
        ...Object.fromEntries(
          Array.from({ length: 10_000 }, (_, i) => [`key-${i}`, 1]),
        ),
      },
    ],
  ])(
    'remarks shortly on %s that an author made a megabyte of',
    (_, recovery) => {
      const { remark } = strategyOfTemplate('template:default/a', { recovery });
      expect(remark!.length).toBeLessThan(1_000);
    },
  );
});

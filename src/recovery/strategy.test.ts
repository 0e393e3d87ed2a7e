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
    'counts a template that says nothing as none: %j',
    spec => {
      expect(strategyOfTemplate(REF, spec)).toEqual({
        strategy: 'none',
        source: 'default',
      });
    },
  );

  it.each(['Restart', 'startOver', '', 7, null, true, ['restart']])(
    'counts strategy %j as none, and says what is allowed',
    strategy => {
      expect(strategyOfTemplate(REF, { recovery: { strategy } })).toEqual({
        strategy: 'none',
        source: 'invalid',
        remark: `${REF} has spec.recovery.strategy ${JSON.stringify(
          strategy,
        )}; allowed is spec.recovery.strategy with one of 'none', 'restart', 'idempotent'. It counts as 'none'`,
      });
    },
  );

  it.each(['restart', 3, null, ['restart'], { stategy: 'restart' }])(
    'counts spec.recovery %j as none, and says what is allowed',
    recovery => {
      expect(strategyOfTemplate(REF, { recovery })).toEqual({
        strategy: 'none',
        source: 'invalid',
        remark: `${REF} has spec.recovery ${JSON.stringify(
          recovery,
        )}; allowed is spec.recovery.strategy with one of 'none', 'restart', 'idempotent'. It counts as 'none'`,
      });
    },
  );

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

  it('counts a template that is gone as none, and says so', () => {
    expect(strategyOfTemplate(REF, undefined)).toEqual({
      strategy: 'none',
      source: 'gone',
      remark: `${REF} is not in the catalog, so nothing tells that its tasks may run again`,
    });
  });
});

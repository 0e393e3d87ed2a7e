import { mockServices } from '@backstage/backend-test-utils';
import { Troubles } from './Troubles';

describe('Troubles', () => {
  let ms: number;
  let logger: ReturnType<typeof mockServices.logger.mock>;
  let troubles: Troubles;
  beforeEach(() => {
    ms = 0;
    logger = mockServices.logger.mock();
    troubles = new Troubles({ logger, clock: () => ms });
  });

  const error = new Error('no connection');
  const fail = () =>
    troubles.report('pass', {
      message: 'The pass failed',
      error,
      isBlocking: true,
    });

  it('are logged at once, and again once a minute while they last, with how long that is', () => {
    for (ms = 0; ms <= 180_000; ms += 1_000) {
      fail();
    }
    expect(logger.error.mock.calls).toEqual([
      ['The pass failed', error],
      ['The pass failed (for 60 s by now)', error],
      ['The pass failed (for 2 min by now)', error],
      ['The pass failed (for 3 min by now)', error],
    ]);
  });

  it('are logged at once when the cause is another one', () => {
    fail();
    ms = 5_000;
    troubles.report('pass', { message: 'No tables', isBlocking: true });
    troubles.report('pass', { message: 'No tables', isBlocking: true });
    expect(logger.error.mock.calls.slice(1)).toEqual([
      ['No tables (for 5 s by now)'],
    ]);
  });

  it('are over once, and new when they come again', () => {
    troubles.over('pass');
    fail();
    ms = 90_000;
    troubles.over('pass');
    troubles.over('pass');
    expect(logger.info.mock.calls).toEqual([
      ['The pass works again, after 90 s'],
    ]);
    fail();
    expect(logger.error).toHaveBeenLastCalledWith('The pass failed', error);
  });

  it('block while one of them does', () => {
    expect(troubles.isBlocking).toBe(false);
    troubles.report('index', { message: 'No index', isBlocking: false });
    expect(troubles.isBlocking).toBe(false);
    fail();
    expect(troubles.isBlocking).toBe(true);
    troubles.over('pass');
    expect(troubles.isBlocking).toBe(false);
  });
});

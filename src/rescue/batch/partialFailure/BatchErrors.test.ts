import { mockServices } from '@backstage/backend-test-utils';
import { BatchErrors } from './BatchErrors';

describe('BatchErrors', () => {
  const logger = mockServices.logger.mock();
  const createBatchErrors = () => new BatchErrors('open tasks', logger);

  beforeEach(() => jest.clearAllMocks());

  it('logs what could not be done with how many tasks', () => {
    createBatchErrors().report(new Error('deadlock detected'), 7);
    expect(logger.warn.mock.calls).toEqual([
      [
        expect.stringContaining('Could not open tasks in a batch of 7'),
        new Error('deadlock detected'),
      ],
    ]);
  });

  it('logs each message once', () => {
    const batchErrors = createBatchErrors();
    for (const message of ['a', 'b', 'a', 'b']) {
      batchErrors.report(new Error(message), 2);
    }
    expect(logger.warn.mock.calls.map(([, error]) => error)).toEqual([
      new Error('a'),
      new Error('b'),
    ]);
  });

  it('forgets what was logged after a hundred messages, which may contain ids', () => {
    const batchErrors = createBatchErrors();
    for (let i = 0; i < 100; i++) {
      batchErrors.report(new Error(`task ${i}`), 2);
    }
    batchErrors.report(new Error('task 0'), 2);
    expect(logger.warn).toHaveBeenCalledTimes(100);
    batchErrors.report(new Error('task 100'), 2);
    batchErrors.report(new Error('task 0'), 2);
    expect(logger.warn).toHaveBeenCalledTimes(102);
  });
});

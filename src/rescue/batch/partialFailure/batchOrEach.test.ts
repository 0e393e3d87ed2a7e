import { mockServices } from '@backstage/backend-test-utils';
import { BatchErrors } from './BatchErrors';
import { batchOrEach } from './batchOrEach';

describe('batchOrEach', () => {
  const logger = mockServices.logger.mock();
  const onError = jest.fn();
  const createBatchErrors = () => new BatchErrors('decide on tasks', logger);
  const run = (
    action: (taskIds: string[]) => Promise<void>,
    batchErrors: BatchErrors,
    isToGoOn = () => true,
  ) => batchOrEach(['a', 'b', 'c'], action, { isToGoOn, onError, batchErrors });
  const failTogether =
    (message = 'deadlock detected') =>
    async (taskIds: string[]) => {
      if (taskIds.length > 1) {
        throw new Error(message);
      }
    };

  beforeEach(() => jest.clearAllMocks());

  it('logs the error of a batch whose tasks then succeed alone', async () => {
    await run(failTogether(), createBatchErrors());
    expect(onError).not.toHaveBeenCalled();
    expect(logger.warn.mock.calls).toEqual([
      [
        'Could not decide on tasks in a batch of 3, so each is tried alone; the same error is not logged again',
        new Error('deadlock detected'),
      ],
    ]);
  });

  it('does nothing if it is not to go on', async () => {
    const action = jest.fn();
    await run(action, createBatchErrors(), () => false);
    expect(action).not.toHaveBeenCalled();
  });

  it('logs an error that lasts once, and another one as well', async () => {
    const batchErrors = createBatchErrors();
    await run(failTogether(), batchErrors);
    await run(failTogether(), batchErrors);
    expect(logger.warn).toHaveBeenCalledTimes(1);
    await run(failTogether('statement timeout'), batchErrors);
    expect(logger.warn).toHaveBeenCalledTimes(2);
  });

  it('leaves it to the task that the error comes from, if that fails alone as well', async () => {
    const error = new Error('bad task');
    await run(async taskIds => {
      if (taskIds.includes('b')) {
        throw error;
      }
    }, createBatchErrors());
    expect(onError.mock.calls).toEqual([['b', error]]);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it('logs the error of a batch also if no task is tried alone', async () => {
    let asked = 0;
    await run(failTogether(), createBatchErrors(), () => (asked += 1) === 1);
    expect(logger.warn).toHaveBeenCalledTimes(1);
  });

  it('keeps the statement out of the log, which has values in it', async () => {
    await run(
      failTogether("update `tasks` set `state` = 'very-secret' - disk is full"),
      createBatchErrors(),
    );
    const [, error] = logger.warn.mock.calls[0];
    expect(error).toEqual(new Error('The database reported: disk is full'));
  });
});

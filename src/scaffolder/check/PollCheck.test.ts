import { PollCheck } from './PollCheck';

describe('PollCheck', () => {
  const create = () => {
    const state = {
      now: 0,
      last: undefined as number | undefined,
      steady: true,
    };
    const check = new PollCheck({
      poll: { secondsSinceLast: () => state.last },
      settling: { isSettled: () => state.steady },
      clock: () => state.now * 1000,
    });
    return { state, check };
  };

  it('fails with the lines to paste when the scaffolder does not poll within 30 s of the start of its workers', async () => {
    const { state, check } = create();
    state.now = 100;
    await check.check();
    check.workersStart();
    state.now += 30;
    await check.check();
    state.now += 1;
    await expect(check.check()).rejects.toThrow(
      /has not polled[^]*recoverTasks: false[^]*taskRecovery:\n {4}enabled: true\n {4}staleTimeout: \{ hours: 12 \}/,
    );
    state.last = 2;
    await check.check();
    state.last = 31;
    await expect(check.check()).rejects.toThrow('has not polled');
  });

  it('says nothing while the database does not answer', async () => {
    const { state, check } = create();
    check.workersStart();
    state.now = 60;
    state.steady = false;
    expect(await check.check()).toBeUndefined();
  });
});

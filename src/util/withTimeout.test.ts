import { TIMED_OUT, withTimeout } from './withTimeout';

describe('withTimeout', () => {
  it('gives what comes in time, and fails with what fails in time', async () => {
    await expect(withTimeout(60_000, Promise.resolve(1))).resolves.toBe(1);
    const failed = Promise.reject(new Error('no'));
    await expect(withTimeout(60_000, failed)).rejects.toThrow('no');
  });

  it('does not wait for longer, and survives what fails later', async () => {
    let fail!: (error: Error) => void;
    const late = new Promise((_, reject) => {
      fail = reject;
    });
    await expect(withTimeout(1, late)).resolves.toBe(TIMED_OUT);
    fail(new Error('late'));
    await expect(late).rejects.toThrow('late');
  });
});

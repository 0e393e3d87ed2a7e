import { cacheFor } from './cacheFor';

describe('an answer that is kept', () => {
  let now = 0;
  const ask = jest.fn();
  let kept: () => Promise<string>;

  beforeEach(() => {
    now = 0;
    ask.mockReset();
    kept = cacheFor(1000, ask, () => now);
  });

  it('is the same until the time is over, also for whoever asks while it is awaited', async () => {
    ask.mockResolvedValueOnce('first').mockResolvedValueOnce('second');
    const both = [kept(), kept()];
    expect(await Promise.all(both)).toEqual(['first', 'first']);
    now = 999;
    expect(await kept()).toBe('first');
    expect(ask).toHaveBeenCalledTimes(1);
    now = 1000;
    expect(await kept()).toBe('second');
  });

  it('is asked for again after a failure, and if it has not come by then', async () => {
    ask.mockRejectedValueOnce(new Error('away'));
    await expect(kept()).rejects.toThrow('away');
    ask.mockReturnValueOnce(new Promise(() => {}));
    kept();
    now = 1000;
    ask.mockResolvedValueOnce('an answer');
    expect(await kept()).toBe('an answer');
  });
});

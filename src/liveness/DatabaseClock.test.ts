import { DatabaseClock } from './DatabaseClock';

describe('DatabaseClock', () => {
  function setup() {
    let now = 0;
    const clock = new DatabaseClock(() => now);
    /** Reads that take some ms, after some ms. */
    const read = (seconds: number, afterMs: number, takesMs = 0) => {
      now += afterMs;
      const askedAt = clock.now();
      now += takesMs;
      return clock.secondsAhead(seconds, askedAt);
    };
    return { read };
  }

  it('is not ahead while both clocks go evenly, however long there was no read', () => {
    const { read } = setup();
    expect(read(1_000, 0)).toBeUndefined();
    expect(read(1_001, 1_000)).toBeUndefined();
    expect(read(4_601, 3_600_000)).toBeUndefined();
  });

  it('is not ahead for a slow answer', () => {
    const { read } = setup();
    read(1_000, 0);
    // The database told its time at once, and then when it was about to answer.
    expect(read(1_001, 1_000, 20_000)).toBeUndefined();
    expect(read(1_042, 1_000, 20_000)).toBeUndefined();
  });

  it('is ahead once it was set forward, or this machine was paused, and not the next time', () => {
    const { read } = setup();
    read(1_000, 0);
    expect(read(1_061, 1_000)).toBe(60);
    expect(read(1_062, 1_000)).toBeUndefined();
  });

  it('is not ahead once it was set back', () => {
    const { read } = setup();
    read(1_000, 0);
    expect(read(900, 1_000)).toBeUndefined();
    expect(read(901, 1_000)).toBeUndefined();
  });
});

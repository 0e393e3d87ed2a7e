import { Settling } from './Settling';

describe('Settling', () => {
  function setup() {
    let now = 1_000_000;
    const steadiness = new Settling(() => now);
    const readFor = (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        now += 1_000;
        steadiness.read();
      }
    };
    const pass = (ms: number) => {
      now += ms;
    };
    return { steadiness, readFor, pass };
  }

  it('is there from the start', () => {
    const { steadiness, readFor } = setup();
    expect(steadiness.isSteady()).toBe(true);
    readFor(60);
    expect(steadiness.isSteady()).toBe(true);
  });

  it('comes back ten seconds after the database could be read again', () => {
    const { steadiness, readFor } = setup();
    steadiness.lost();
    readFor(9);
    expect(steadiness.isSteady()).toBe(false);
    readFor(1);
    expect(steadiness.isSteady()).toBe(true);
  });

  it('counts from the last failure', () => {
    const { steadiness, readFor } = setup();
    steadiness.lost();
    readFor(9);
    steadiness.lost();
    readFor(9);
    expect(steadiness.isSteady()).toBe(false);
  });

  it('is lost at once by a stall, before anything else runs', () => {
    const { steadiness, readFor, pass } = setup();
    readFor(5);
    pass(3_001);
    expect(steadiness.isSteady()).toBe(false);
    steadiness.read();
    expect(steadiness.isSteady()).toBe(false);
    readFor(10);
    expect(steadiness.isSteady()).toBe(true);
  });

  it('does not count what was before the reading began', () => {
    const { steadiness, pass } = setup();
    pass(60_000);
    steadiness.begin();
    expect(steadiness.isSteady()).toBe(true);
  });
});

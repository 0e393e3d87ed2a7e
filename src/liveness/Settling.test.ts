import { Settling } from './Settling';

describe('Settling', () => {
  function setup() {
    let now = 1_000_000;
    const settling = new Settling(() => now);
    const readFor = (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        now += 1_000;
        settling.read();
      }
    };
    const pass = (ms: number) => {
      now += ms;
    };
    return { settling, readFor, pass };
  }

  it('is there from the start', () => {
    const { settling, readFor } = setup();
    expect(settling.isSettled()).toBe(true);
    readFor(60);
    expect(settling.isSettled()).toBe(true);
  });

  it('comes back ten seconds after the database could be read again', () => {
    const { settling, readFor } = setup();
    settling.restart();
    readFor(9);
    expect(settling.isSettled()).toBe(false);
    readFor(1);
    expect(settling.isSettled()).toBe(true);
  });

  it('counts from the last failure', () => {
    const { settling, readFor } = setup();
    settling.restart();
    readFor(9);
    settling.restart();
    readFor(9);
    expect(settling.isSettled()).toBe(false);
  });

  it('is lost at once by a stall, before anything else runs', () => {
    const { settling, readFor, pass } = setup();
    readFor(5);
    pass(3_001);
    expect(settling.isSettled()).toBe(false);
    settling.read();
    expect(settling.isSettled()).toBe(false);
    readFor(10);
    expect(settling.isSettled()).toBe(true);
  });

  it('does not count what was before the reading began', () => {
    const { settling, pass } = setup();
    pass(60_000);
    settling.begin();
    expect(settling.isSettled()).toBe(true);
  });
});

/*
 * Loaded before a backend, makes the clock of its process two hours slow: the sign-ins that it issues, for an hour, have expired
 * for everybody else.
 */
const SLOW_MS = 2 * 3600 * 1000;

const RealDate = Date;
class SlowDate extends RealDate {
  constructor(...args: unknown[]) {
    super(...((args.length ? args : [SlowDate.now()]) as [number]));
  }
  static now(): number {
    return RealDate.now() - SLOW_MS;
  }
}
globalThis.Date = SlowDate as DateConstructor;

export {};

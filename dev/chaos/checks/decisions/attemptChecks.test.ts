import { POISONED_STEP, POISON_LIMIT } from '../../settings';
import {
  LIFETIMES,
  begin,
  event,
  attempt,
  kindsIn,
  interruptedInFour,
} from '../testEvidence';

describe('checks of planned interruptions', () => {
  const planned = { ...attempt(1, 'resume', 19_000), planned: true };
  const endedBy = (signal?: string) => [
    { ...LIFETIMES[0], endedBy: signal },
    ...LIFETIMES.slice(1),
  ];

  it.each(['SIGKILL', undefined])(
    'find one of a process that was ended by %s',
    signal => {
      expect(
        kindsIn({
          journal: interruptedInFour,
          attempts: [planned],
          lifetimes: endedBy(signal),
        }),
      ).toEqual(['plannedUnasked']);
    },
  );

  it('allow one of a process that was asked to end, and that had to be killed then', () => {
    for (const signal of ['SIGTERM', 'SIGTERM, SIGKILL']) {
      expect(
        kindsIn({
          journal: interruptedInFour,
          attempts: [planned],
          lifetimes: endedBy(signal),
        }),
      ).toEqual([]);
    }
  });

  it('know nothing of a run in which no step began', () => {
    const attempts = [{ ...planned, attempt: 2, at: 60_000 }];
    expect(
      kindsIn({
        journal: interruptedInFour,
        events: [event('recovered', 19_000)],
        attempts: [attempt(1, 'resume', 19_000), ...attempts],
      }),
    ).toEqual([]);
  });
});

describe('checks of tasks that end their process', () => {
  const attempts = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      attempt(i + 1, i === count - 1 ? 'failed' : 'restart', 100_000 * i),
    );
  const recovered = (count: number) =>
    attempts(count).map(a => event('recovered', a.at));
  /** So many processes ended in the poisoned step. */
  const tries = (count: number) => ({
    journal: Array.from({ length: count }, (_, i) => ({
      ...begin('a', POISONED_STEP, i * 1_000),
      pid: i,
      runId: `run-${i}`,
    })),
    lifetimes: Array.from({ length: count }, (_, i) => ({
      replica: 'first',
      pid: i,
      startedAt: 0,
      exitedAt: i * 1_000 + 1,
    })),
  });
  const poisoned = {
    isPoisoned: true,
    strategy: 'restart' as const,
    steps: [{ id: POISONED_STEP, dependsOn: [] }],
  };

  it('find one that was tried too often', () => {
    expect(kindsIn({ task: poisoned, ...tries(POISON_LIMIT + 1) })).toEqual([]);
    expect(kindsIn({ task: poisoned, ...tries(POISON_LIMIT + 2) })).toEqual([
      'poisonNotStopped',
    ]);
  });

  it('find a task that was closed before its limit, or that has none', () => {
    const count = POISON_LIMIT + 1;
    expect(
      kindsIn({
        task: poisoned,
        attempts: attempts(count),
        events: recovered(count),
      }),
    ).toEqual([]);
    expect(
      kindsIn({
        task: poisoned,
        attempts: attempts(count - 1),
        events: recovered(count - 1),
      }),
    ).toEqual(['closedTooSoon']);
    expect(
      kindsIn({ attempts: attempts(count), events: recovered(count) }),
    ).toEqual(['closedTooSoon']);
  });
});

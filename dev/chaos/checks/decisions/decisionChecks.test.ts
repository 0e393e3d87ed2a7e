import { event, attempt, kindsIn, interruptedInFour } from '../testEvidence';

describe('checks of decisions', () => {
  it('find a decision on a live run', () => {
    expect(
      kindsIn({
        journal: interruptedInFour,
        attempts: [attempt(1, 'resume', 9_000)],
      }),
    ).toEqual(['decidedOnOwnedRun']);
  });

  it('find an interruption that was decided on twice', () => {
    const attempts = [
      attempt(1, 'resume', 20_000),
      attempt(2, 'resume', 60_000),
    ];
    expect(kindsIn({ attempts, events: [event('recovered', 10_000)] })).toEqual(
      ['decidedTwice'],
    );
    // Those of the second decision do not count for the first.
    expect(kindsIn({ attempts, events: [event('recovered', 60_000)] })).toEqual(
      ['decidedTwice'],
    );
    expect(kindsIn({ attempts, events: [event('recovered', 20_000)] })).toEqual(
      [],
    );
  });

  it.each(['failed', 'cancelled'])('find a decision after %s', decision => {
    const attempts = [
      attempt(1, decision, 20_000),
      attempt(2, 'resume', 60_000),
    ];
    expect(kindsIn({ task: { strategy: 'none' }, attempts })).toEqual([
      'decidedAfterClosing',
    ]);
  });
});

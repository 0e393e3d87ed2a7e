import {
  begin,
  end,
  kindsIn,
  interruptedInFour,
  storedUpToFour,
} from '../testEvidence';

describe('checks of runs at the same time', () => {
  it('find two runs that were alive at the same time, and a step that ran twice', () => {
    const journal = [...interruptedInFour, begin('b', 'four', 9_000)];
    expect(kindsIn({ journal })).toEqual(['runsAtOnce', 'stepTwiceAtOnce']);
  });

  it('find two runs at once in different steps', () => {
    const journal = [
      begin('a', 'one', 1),
      end('a', 'one', 900),
      begin('b', 'two', 950),
      end('b', 'two', 980),
      begin('a', 'two', 990),
      end('a', 'two', 995),
    ];
    expect(kindsIn({ journal, events: storedUpToFour })).toEqual([
      'runsAtOnce',
    ]);
  });

  it('take a run as alive until its process ended, or for ever if that is not known', () => {
    const soon = [...interruptedInFour, begin('b', 'four', 10_000)];
    expect(kindsIn({ journal: soon })).toEqual([]);
    const late = [...interruptedInFour, begin('b', 'four', 10_000_000)];
    expect(kindsIn({ journal: late, lifetimes: [] })).toEqual([
      'runsAtOnce',
      'stepTwiceAtOnce',
    ]);
  });
});

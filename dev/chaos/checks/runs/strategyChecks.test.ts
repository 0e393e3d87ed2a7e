import {
  begin,
  end,
  kindsIn,
  interruptedInFour,
  storedUpToFour,
  wholeRun,
} from '../testEvidence';

describe('checks of strategies', () => {
  it('find a second run of a task with none, also of other steps than the first', () => {
    for (const [second, kinds] of [
      ['four', ['noneNotFromFirst', 'noneRanAgain']],
      ['one', ['noneRanAgain']],
    ] as const) {
      expect(
        kindsIn({
          task: { strategy: 'none' },
          journal: [...interruptedInFour, begin('b', second, 20_000)],
        }),
      ).toEqual(kinds);
    }
  });

  it('find a completed task that has not run a step to its end', () => {
    const journal = [
      ...interruptedInFour,
      begin('b', 'four', 20_000),
      end('b', 'four', 20_100),
    ];
    const task = { status: 'completed' } as const;
    const events = storedUpToFour;
    expect(kindsIn({ task, journal, events })).toEqual([]);
    expect(kindsIn({ task, journal: journal.slice(0, -1), events })).toEqual([
      'stepLeftOut',
    ]);
    // Where all steps run in every run, those of two runs do not add up.
    const restart = { ...task, strategy: 'restart' as const };
    expect(
      kindsIn({ task: restart, journal: wholeRun('b', 20_000).slice(0, -2) }),
    ).toEqual(['stepLeftOut']);
  });

  it.each([
    ['begins later', ['two', 'three', 'four']],
    ['leaves out a step', ['one', 'three']],
    ['runs a step twice', ['one', 'one']],
  ])('find a further run with restart that %s', (_, steps) => {
    expect(
      kindsIn({
        task: { strategy: 'restart' },
        journal: [
          ...interruptedInFour,
          ...steps.flatMap((id, i) => [
            begin('b', id, 20_000 + i * 10),
            end('b', id, 20_005 + i * 10),
          ]),
        ],
      }),
    ).toEqual(['restartNotFromFirst']);
  });
});

import { AttemptRecord } from '../../evidence/records';
import { check } from '../checks';
import {
  begin,
  end,
  stored,
  attempt,
  evidence,
  INDEPENDENT,
  kindsIn,
  interruptedInFour,
  interruptedTwice,
  storedUpToFour,
  ended,
  wholeRun,
} from '../testEvidence';

describe('checks of finished steps', () => {
  it('find one that ran again and was not needed', () => {
    const journal = [...interruptedInFour, begin('b', 'one', 20_000)];
    expect(kindsIn({ journal, events: storedUpToFour })).toEqual([
      'finishedStepAgain',
    ]);
  });

  it('find one that was only needed by a finished one', () => {
    const journal = [
      begin('a', 'one', 1),
      end('a', 'one', 2),
      begin('a', 'two', 3),
      end('a', 'two', 4),
      begin('a', 'three', 5),
      begin('b', 'one', 20_000),
    ];
    const events = [stored('one', 2), stored('two', 4)];
    const steps = [
      { id: 'one', dependsOn: [] },
      { id: 'two', dependsOn: ['one'] },
      { id: 'three', dependsOn: [] },
    ];
    expect(kindsIn({ task: { steps }, journal, events })).toEqual([
      'finishedStepAgain',
    ]);
  });

  it('allow one that is needed by a step that the run does not get to', () => {
    const journal = [...interruptedInFour, begin('b', 'two', 20_000)];
    expect(kindsIn({ journal, events: storedUpToFour })).toEqual([]);
  });

  it('allow one that comes after one that runs again, with whose files its own are lost', () => {
    const steps = INDEPENDENT.map(step =>
      step.id === 'four' ? { ...step, dependsOn: ['two'] } : step,
    );
    const course = (ids: string[]) =>
      kindsIn({
        task: { steps },
        journal: [...interruptedInFour, ...ended('b', ids, 20_000)],
        events: storedUpToFour,
      });
    expect(course(['two', 'three'])).toEqual([]);
    expect(course(['one', 'two', 'three'])).toEqual(['finishedStepAgain']);
  });

  it('allow all of them if it is recorded why a snapshot is missing, unless steps say what they depend on', () => {
    const missing = {
      kind: 'missing' as const,
      stepId: 'three',
      problem: 'too large',
    };
    const again = ['one', 'two', 'three'];
    const course = (of: Partial<AttemptRecord>, steps = INDEPENDENT) =>
      kindsIn({
        task: { steps },
        journal: [...interruptedInFour, ...wholeRun('b', 20_000)],
        events: storedUpToFour,
        attempts: [{ ...attempt(1, 'resume', 19_000), again, ...of }],
      });
    expect(course({ files: missing })).toEqual([]);
    expect(
      course({ files: { kind: 'snapshot', number: 4, stepId: 'three' } }),
    ).toEqual([
      'finishedStepAgain',
      'finishedStepAgain',
      'finishedStepAgain',
      'recordFalse',
    ]);
    const saying = evidence({}).tasks[0].steps;
    expect(course({ files: missing }, saying)).toEqual(['finishedStepAgain']);
  });

  it('allow one that was to run again for want of a snapshot also in later runs, until it has', () => {
    const files = {
      kind: 'missing' as const,
      stepId: 'three',
      problem: 'too large',
    };
    const course = (first: Partial<AttemptRecord>) =>
      kindsIn({
        task: { steps: INDEPENDENT },
        journal: [
          ...interruptedInFour,
          begin('b', 'one', 20_000),
          ...wholeRun('c', 40_000).map(e => ({ ...e, pid: 3 })),
        ],
        ...interruptedTwice,
        attempts: [
          {
            ...attempt(1, 'resume', 19_000),
            again: ['one', 'two', 'three'],
            files,
            ...first,
          },
          { ...attempt(2, 'resume', 39_000), files: { kind: 'empty' } },
        ],
      });
    expect(course({})).toEqual([]);
    expect(course({ files: { kind: 'empty' } })).toContain('finishedStepAgain');
  });

  it.each([
    ['was not stored', []],
    [
      'is only said to be skipped',
      [
        {
          ...stored('three', 21_000),
          message: 'Skipping step three because',
        },
      ],
    ],
    ['was stored for the further run only', [stored('three', 21_000)]],
  ])('count one whose end %s', (_, further) => {
    const events = [stored('one', 901), stored('two', 1_901), ...further];
    const journal = [...interruptedInFour, begin('b', 'three', 20_000)];
    const task = { steps: INDEPENDENT };
    expect(check(evidence({ task, journal, events }))).toEqual({
      violations: [],
      unrecordedEnds: 1,
      takenOver: 0,
    });
  });

  it('count an end that was not stored once, however many runs it costs', () => {
    const journal = [
      ...interruptedInFour,
      begin('b', 'three', 20_000),
      { ...begin('c', 'three', 30_000), pid: 3 },
    ];
    const events = [stored('one', 901), stored('two', 1_901)];
    const lifetimes = [
      { replica: 'first', pid: 1, startedAt: 0, exitedAt: 10_000 },
      { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 21_000 },
    ];
    const task = { steps: INDEPENDENT };
    expect(check(evidence({ task, journal, events, lifetimes }))).toEqual({
      violations: [],
      unrecordedEnds: 1,
      takenOver: 0,
    });
  });

  it('count what one needs whose end was not stored', () => {
    const steps = [
      { id: 'one', dependsOn: [] },
      { id: 'two', dependsOn: [] },
      { id: 'three', dependsOn: ['one'] },
      { id: 'four', dependsOn: [] },
    ];
    const events = [stored('one', 901), stored('two', 1_901)];
    const journal = [...interruptedInFour, begin('b', 'one', 20_000)];
    expect(check(evidence({ task: { steps }, journal, events }))).toEqual({
      violations: [],
      unrecordedEnds: 1,
      takenOver: 0,
    });
    // The run died before it got to that step again, and a later one did.
    events.push(stored('three', 41_000));
    expect(check(evidence({ task: { steps }, journal, events }))).toEqual({
      violations: [],
      unrecordedEnds: 1,
      takenOver: 0,
    });
  });
});

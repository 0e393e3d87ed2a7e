import { JournalEntry } from '../../../harness/actions/journal';
import { AttemptRecord, EventRecord } from '../../evidence/records';
import { notStoredIn } from '../../evidence/logLines';
import {
  TASK,
  begin,
  end,
  stored,
  attempt,
  afterOne,
  kindsIn,
  interruptedInFour,
  interruptedTwice,
  storedUpToFour,
  ended,
} from '../testEvidence';

describe('checks of the record of a decision', () => {
  const course = (record: Partial<AttemptRecord>, ids = ['two', 'three']) =>
    kindsIn({
      journal: [...interruptedInFour, ...ended('b', ids, 20_000)],
      events: storedUpToFour,
      attempts: [{ ...attempt(1, 'resume', 19_000), ...afterOne, ...record }],
    });

  it('find nothing in one that fits', () => {
    expect(course({})).toEqual([]);
    // It may be interrupted before it gets to a step.
    expect(course({}, ['two'])).toEqual([]);
  });

  it('find a finished step that it does not name, and one that had not finished', () => {
    expect(course({ skipped: [] })).toContain('recordFalse');
    expect(course({ again: ['two'] })).toEqual(['recordFalse']);
    expect(course({ again: ['two', 'three', 'four'] })).toEqual([
      'recordFalse',
    ]);
  });

  it('find a step that it lets run again and that the run passed over', () => {
    expect(course({}, ['two', 'four'])).toEqual(['recordFalse']);
  });

  it.each([
    ['of another step', { kind: 'snapshot', number: 3, stepId: 'two' }],
    ['of none', { kind: 'empty' }],
    ['that it does not tell', undefined],
  ] as const)('find that a run began with files %s', (_, files) => {
    expect(course({ files })).toEqual(['recordFalse']);
  });

  it('find a step that ran though all had finished, or that had not', () => {
    const finish = (journal: JournalEntry[], events: EventRecord[]) =>
      kindsIn({
        journal,
        events,
        attempts: [attempt(1, 'finish', 19_000)],
      });
    const all = [...storedUpToFour, stored('four', 4_101)];
    const whole = [...interruptedInFour, end('a', 'four', 4_100)];
    expect(finish(whole, all)).toEqual([]);
    expect(finish(interruptedInFour, storedUpToFour)).toEqual(['recordFalse']);
    expect(finish([...whole, begin('b', 'one', 20_000)], all)).toContain(
      'recordFalse',
    );
  });

  it('count a step as finished only until a decision lets it run again', () => {
    const again = (record: Partial<AttemptRecord>) =>
      kindsIn({
        journal: [
          ...interruptedInFour,
          begin('b', 'two', 20_000),
          { ...begin('c', 'two', 40_000), pid: 3 },
        ],
        ...interruptedTwice,
        attempts: [
          { ...attempt(1, 'resume', 19_000), ...afterOne },
          {
            ...attempt(2, 'resume', 39_000),
            ...afterOne,
            again: [],
            ...record,
          },
        ],
      });
    expect(again({})).toEqual([]);
    expect(again({ skipped: [] })).toContain('recordFalse');
  });

  it('find a missing snapshot of which neither the record nor any log tells why', () => {
    const missing = (problem?: string, notStored: string[] = []) =>
      kindsIn({
        attempts: [
          {
            ...attempt(1, 'resume', 19_000),
            files: { kind: 'missing', stepId: 'one', problem },
          },
        ],
        notStored,
      });
    expect(missing()).toEqual(['missingUntold']);
    expect(missing('too large')).toEqual([]);
    expect(missing(undefined, [TASK])).toEqual([]);
  });

  it('read in the log of a backend which files could not be stored', () => {
    const id = '0b1c2d3e-4f50-4617-8283-94a5b6c7d8e9';
    const lines = [
      `warn Could not store the workspace of task ${id}. If it`,
      `warn The workspace of task ${id} is not stored. Too`,
      `warn The workspace of task ${id} was not stored: the`,
      `warn Could not restore the workspace of task ${id}, trying`,
    ];
    expect(notStoredIn(lines.join('\n'))).toEqual([id, id, id]);
  });
});

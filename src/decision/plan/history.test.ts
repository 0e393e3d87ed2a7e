import { readHistory, TaskHistory } from './history';

const log = (stepId: string, status: string) =>
  JSON.stringify({ message: '', stepId, status });

const nothing: TaskHistory = {
  cancelled: false,
  running: [],
  reached: [],
  states: new Map(),
  ranAfterFailure: new Set(),
  finishedSteps: new Set(),
  files: new Map(),
};

describe('readHistory', () => {
  it('knows nothing of a task without events', () => {
    expect(readHistory()).toEqual(nothing);
  });

  it.each([
    [
      'are no JSON or no objects',
      ['{', 'null', '3', '"x"', '{"stepId":1,"status":2}'],
    ],
    [
      'are JSON only as a part of a list',
      [`${log('b', 'completed')},"cancelled"`],
    ],
  ])('passes over bodies that %s', (_, bodies) => {
    expect(readHistory([...bodies, log('a', 'processing')])).toEqual({
      ...nothing,
      running: ['a'],
      reached: ['a'],
      states: new Map([['a', ['processing']]]),
    });
  });

  it('has no state of a step that had finished before, and distinguishes one skipped for its condition from one passed over', () => {
    expect(
      readHistory([
        log('kept', 'completed'),
        log('if', 'processing'),
        log('if', 'skipped'),
        log('ran', 'processing'),
        log('ran', 'completed'),
        log('broken', 'processing'),
        log('broken', 'failed'),
        log('after', 'skipped'),
        log('always', 'processing'),
        log('always', 'failed'),
        log('always', 'failed'),
        log('last', 'processing'),
      ]),
    ).toMatchObject({
      running: ['last'],
      states: new Map([
        ['if', ['skipped']],
        ['ran', ['completed']],
        ['broken', ['failed']],
        ['after', ['passedOver']],
        ['always', ['failed']],
        ['last', ['processing']],
      ]),
      ranAfterFailure: new Set(['always', 'last']),
      finishedSteps: new Set(['kept', 'ran']),
    });
  });

  it('takes steps for passed over that have nothing but `skipped` in the run, though no failure is logged', () => {
    // The line about the begin of step `b` could not be written, so it failed.
    const { states } = readHistory([
      log('a', 'processing'),
      log('a', 'completed'),
      log('c', 'skipped'),
      log('d', 'processing'),
      log('d', 'skipped'),
    ]);
    expect(states).toEqual(
      new Map([
        ['a', ['completed']],
        ['c', ['passedOver']],
        ['d', ['passedOver']],
      ]),
    );
  });

  it('keeps what the last run did that came by a step, and what runs now', () => {
    expect(
      readHistory([
        log('a', 'processing'),
        log('a', 'completed'),
        log('b', 'processing'),
        log('b', 'failed'),
        '"recovered"',
        log('a', 'processing'),
      ]),
    ).toEqual({
      cancelled: false,
      running: ['a'],
      reached: ['a'],
      states: new Map([
        ['a', ['processing']],
        ['b', ['failed']],
      ]),
      ranAfterFailure: new Set(),
      finishedSteps: new Set(['a']),
      files: new Map(),
    });
  });

  it('keeps what the run did that finished a step when a later run skips it', () => {
    const { states, reached } = readHistory([
      log('p', 'processing'),
      log('p', 'completed'),
      log('p', 'processing'),
      '"recovered"',
      log('p', 'completed'),
      log('p', 'completed'),
    ]);
    expect(states.get('p')).toEqual(['completed', 'processing']);
    expect(reached).toEqual(['p']);
  });

  it('forgets that a step ran after a failure when it runs again without one', () => {
    const { ranAfterFailure } = readHistory([
      log('a', 'processing'),
      log('a', 'failed'),
      log('b', 'processing'),
      log('b', 'completed'),
      '"recovered"',
      log('a', 'processing'),
      log('a', 'completed'),
      log('b', 'processing'),
    ]);
    expect(ranAfterFailure).toEqual(new Set());
  });

  it('keeps the states of steps that share an id apart', () => {
    const { states } = readHistory([
      log('p', 'processing'),
      log('p', 'completed'),
      log('p', 'processing'),
    ]);
    expect(states.get('p')).toEqual(['completed', 'processing']);
  });
});

import { compareOutcomes } from './compareOutcomes';
import type { Call, Entry } from '../journal';
import { Outcome, placesOf } from './outcome';

function call(stepId: string, more: Partial<Call> = {}): Call {
  return {
    kind: 'call',
    taskId: 'task',
    stepId,
    stepName: stepId,
    action: `acme:${stepId}`,
    run: 0,
    iteration: 0,
    effect: { input: { name: 'a' }, tree: { 'README.md': '644 2 abc' } },
    ...more,
  };
}

function outcome(entries: Entry[], more: Partial<Outcome> = {}): Outcome {
  return { taskId: 'task', status: 'completed', entries, ...more };
}

const WELL = { problems: [], twice: 0, afterFailure: 0 };

describe('compareOutcomes', () => {
  it('finds nothing if all is the same, and the interrupted step ran twice', () => {
    const expected = outcome([call('a'), call('b', { run: 1 })]);
    const found = outcome([call('a'), call('b', { run: 1 }), call('b')]);
    expect(compareOutcomes(expected, found, 'b')).toEqual(WELL);
  });

  it('counts other actions that ran twice', () => {
    const expected = outcome([call('a'), call('b')]);
    const found = outcome([call('a'), call('b'), call('a'), call('b')]);
    expect(compareOutcomes(expected, found, 'b')).toEqual({
      ...WELL,
      twice: 1,
    });
  });

  it('counts apart what runs again because a step before it failed', () => {
    const entries: Entry[] = [
      call('a', { effect: undefined }),
      { kind: 'failure', taskId: 'task', run: 0 },
      call('b', { run: 1 }),
      call('c', { run: 2 }),
    ];
    const more = { status: 'failed' };
    const expected = outcome(entries, more);
    const found = outcome([...entries, ...entries], more);
    expect(compareOutcomes(expected, found, 'c')).toEqual({
      ...WELL,
      afterFailure: 2,
    });
  });

  it('names another status with the error, and another output', () => {
    const expected = outcome([], { output: { url: 'a' } });
    expect(
      compareOutcomes(
        expected,
        outcome([], { status: 'failed', error: 'No file' }),
      ).problems,
    ).toEqual(['it is failed, not completed: No file']);
    expect(
      compareOutcomes(expected, outcome([], { output: { url: 'b' } })).problems,
    ).toEqual(['its output differs: url is "b" instead of "a"']);
  });

  it('names actions that did not run, or should not have run', () => {
    const { problems } = compareOutcomes(
      outcome([call('a')]),
      outcome([call('b')]),
    );
    expect(problems).toEqual([
      `'b' (acme:b) ran, which it should not`,
      `'a' (acme:a) did not run`,
    ]);
  });

  it('names what differs in the input and the files', () => {
    const effect = { input: { name: 'b' }, tree: { more: '644 1 a' } };
    const { problems } = compareOutcomes(
      outcome([call('a')]),
      outcome([call('a', { effect })]),
    );
    expect(problems).toEqual([
      `'a' (acme:a) ran with another input: name is "b" instead of "a" and other files: README.md is not there instead of "644 2 abc", more is "644 1 a" instead of not there`,
    ]);
  });

  it('names a call that went wrong even if another one was right', () => {
    const effect = { input: { name: 'a' }, tree: {} };
    const { problems } = compareOutcomes(
      outcome([call('a')]),
      outcome([call('a'), call('a', { effect })]),
      'a',
    );
    expect(problems).toHaveLength(1);
  });

  it('tells steps apart that share an id', () => {
    const two = [call('a'), call('a', { stepName: 'Another', run: 1 })];
    expect(compareOutcomes(outcome(two), outcome(two), 'a')).toEqual(WELL);
    expect(
      compareOutcomes(outcome(two), outcome(two.slice(0, 1)), 'a').problems,
    ).toEqual([`'a' (acme:a) did not run`]);
  });
});

describe('placesOf', () => {
  it('has each step run once, in the middle of its calls', () => {
    const calls = [
      call('a'),
      ...[0, 1, 2].map(iteration => call('b', { run: 1, iteration })),
      call('a', { run: 2 }),
    ];
    expect(placesOf(outcome(calls))).toEqual([
      { run: 0, iteration: 0, stepId: 'a' },
      { run: 1, iteration: 1, stepId: 'b' },
      { run: 2, iteration: 0, stepId: 'a' },
    ]);
  });
});

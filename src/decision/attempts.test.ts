import { Effort, countAttempt } from './attempts';

/** The attempts after interruptions, each with the number of steps that had ever finished, or `planned`. */
function attemptsAfter(
  interruptions: { finishedSteps: number; planned?: boolean }[],
  limit = 3,
) {
  let last: Effort | undefined;
  return interruptions.map(({ finishedSteps, planned = false }) => {
    const attempt = countAttempt(last, { finishedSteps, planned, limit });
    last = attempt;
    return attempt;
  });
}
const used = (...args: Parameters<typeof attemptsAfter>) =>
  attemptsAfter(...args).map(a => a.attemptsUsed);

const stuck = { finishedSteps: 1 };

describe('countAttempt', () => {
  it('counts recoveries without progress, and allows as many as the limit', () => {
    const attempts = attemptsAfter([stuck, stuck, stuck, stuck]);
    expect(attempts.map(a => a.attemptsUsed)).toEqual([1, 2, 3, 4]);
    expect(attempts.map(a => a.isBeyondLimit)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(attemptsAfter([stuck, stuck], 1)[1].isBeyondLimit).toBe(true);
  });

  it('starts over when a step has finished that had never finished before', () => {
    expect(
      used([stuck, stuck, { finishedSteps: 2 }, { finishedSteps: 2 }]),
    ).toEqual([1, 2, 1, 2]);
  });

  it('uses no attempt for planned interruptions, whatever their number', () => {
    const planned = { finishedSteps: 1, planned: true };
    expect(used([planned, planned, stuck, planned, stuck])).toEqual([
      0, 0, 1, 1, 2,
    ]);
    const [, , third, fourth] = attemptsAfter([stuck, stuck, stuck, planned]);
    expect(third.isBeyondLimit).toBe(false);
    expect(fourth).toMatchObject({ attemptsUsed: 3, isBeyondLimit: false });
  });

  it('closes nothing for a planned interruption after the limit was lowered', () => {
    const last = { attemptsUsed: 3, finishedSteps: 1 };
    const now = { finishedSteps: 1, planned: true, limit: 1 };
    expect(countAttempt(last, now).isBeyondLimit).toBe(false);
  });

  it('makes the last attempt that the limit allows the final one, after others without progress', () => {
    expect(
      attemptsAfter([stuck, stuck, stuck]).map(a => a.isFinalAttempt),
    ).toEqual([false, false, true]);
    const planned = { finishedSteps: 1, planned: true };
    expect(
      attemptsAfter([stuck, stuck, stuck, planned])[3].isFinalAttempt,
    ).toBe(true);
    // With a limit of one there are no earlier ones without progress.
    expect(attemptsAfter([stuck], 1)[0].isFinalAttempt).toBe(false);
  });
});

import { Effort, spendAttempt } from './attempts';

/** What is spent after interruptions, each with the number of steps that had ever finished, or `planned`. */
function spend(
  interruptions: { finishedSteps: number; planned?: boolean }[],
  limit = 3,
) {
  let last: Effort | undefined;
  return interruptions.map(({ finishedSteps, planned = false }) => {
    const attempt = spendAttempt(last, { finishedSteps, planned, limit });
    last = attempt;
    return attempt;
  });
}
const spent = (...args: Parameters<typeof spend>) =>
  spend(...args).map(a => a.spent);

const stuck = { finishedSteps: 1 };

describe('spendAttempt', () => {
  it('counts recoveries of a task that gets no further, and allows as many as the limit', () => {
    const attempts = spend([stuck, stuck, stuck, stuck]);
    expect(attempts.map(a => a.spent)).toEqual([1, 2, 3, 4]);
    expect(attempts.map(a => a.isBeyondLimit)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(spend([stuck, stuck], 1)[1].isBeyondLimit).toBe(true);
  });

  it('starts over when a step has finished that had never finished before', () => {
    expect(
      spent([stuck, stuck, { finishedSteps: 2 }, { finishedSteps: 2 }]),
    ).toEqual([1, 2, 1, 2]);
  });

  it('spends nothing on planned interruptions, whatever their number', () => {
    const planned = { finishedSteps: 1, planned: true };
    expect(spent([planned, planned, stuck, planned, stuck])).toEqual([
      0, 0, 1, 1, 2,
    ]);
    const [, , third, fourth] = spend([stuck, stuck, stuck, planned]);
    expect(third.isBeyondLimit).toBe(false);
    expect(fourth).toMatchObject({ spent: 3, isBeyondLimit: false });
  });

  it('closes nothing for a planned interruption after the limit was lowered', () => {
    const last = { spent: 3, finishedSteps: 1 };
    const now = { finishedSteps: 1, planned: true, limit: 1 };
    expect(spendAttempt(last, now).isBeyondLimit).toBe(false);
  });

  it('knows the last chance after attempts that came to nothing', () => {
    expect(spend([stuck, stuck, stuck]).map(a => a.isFinalAttempt)).toEqual([
      false,
      false,
      true,
    ]);
    const planned = { finishedSteps: 1, planned: true };
    expect(spend([stuck, stuck, stuck, planned])[3].isFinalAttempt).toBe(true);
    // Whoever allows one recovery has no earlier ones that came to nothing.
    expect(spend([stuck], 1)[0].isFinalAttempt).toBe(false);
  });
});

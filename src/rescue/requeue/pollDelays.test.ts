import { pollDelays } from './pollDelays';

const tasks = (count: number) =>
  Array.from({ length: count }, (_, i) => `task-${i}`);

describe('pollDelays', () => {
  const delays = (count: number, freeSlots: number, secondsUntilPoll = 4) =>
    Object.fromEntries(
      pollDelays(tasks(count), { freeSlots, secondsUntilPoll }),
    );

  it('leaves one task to the next poll of this process, and the others that it could run to whoever polls first', () => {
    expect(delays(1, 10)).toEqual({ 'task-0': 4 });
    expect(delays(3, 10)).toEqual({ 'task-0': 0, 'task-1': 0, 'task-2': 4 });
    expect(delays(3, 3)).toEqual({ 'task-0': 0, 'task-1': 0, 'task-2': 4 });
  });

  it('spreads what is more than this process could run over the time in which each process polls once', () => {
    expect(delays(6, 2, 7)).toEqual({
      'task-0': 0,
      'task-1': 7,
      'task-2': 2,
      'task-3': 4,
      'task-4': 6,
      'task-5': 8,
    });
  });

  it('has the first one opened at once if this process can run none', () => {
    expect(delays(1, 0)).toEqual({ 'task-0': 0 });
    expect(delays(2, 0)).toEqual({ 'task-0': 0, 'task-1': 5 });
  });

  it('has nothing wait if there is nothing', () => {
    expect(delays(0, 10)).toEqual({});
    expect(delays(0, 0)).toEqual({});
  });
});

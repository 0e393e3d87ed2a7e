import { delaysAtStart, handOverDelays } from './handOverDelays';

const tasks = (count: number) =>
  Array.from({ length: count }, (_, i) => `task-${i}`);

describe('handOverDelays', () => {
  const delays = (count: number, freeSlots: number, secondsUntilLook = 4) =>
    Object.fromEntries(
      handOverDelays(tasks(count), { freeSlots, secondsUntilLook }),
    );

  it('leaves one task to the next look of this process, and the others that it could run to whoever looks first', () => {
    expect(delays(1, 10)).toEqual({ 'task-0': 4 });
    expect(delays(3, 10)).toEqual({ 'task-2': 4 });
    expect(delays(3, 3)).toEqual({ 'task-2': 4 });
  });

  it('spreads what is more than this process could run over the time in which each process looks once', () => {
    expect(delays(6, 2, 7)).toEqual({
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

describe('delaysAtStart', () => {
  const delays = (count: number, freeSlots: number, concurrentTasks = 10) =>
    Object.fromEntries(
      delaysAtStart(tasks(count), { freeSlots, concurrentTasks }),
    );

  it('hands nothing over that this process can run itself', () => {
    expect(delays(0, 10)).toEqual({});
    expect(delays(10, 10)).toEqual({});
  });

  it('hands over one for each further process that it takes to run the rest, and one', () => {
    expect(delays(20, 10)).toEqual({ 'task-18': 0, 'task-19': 5 });
    expect(delays(60, 10)).toEqual({
      'task-54': 0,
      'task-55': (1 / 6) * 10,
      'task-56': (2 / 6) * 10,
      'task-57': 5,
      'task-58': (4 / 6) * 10,
      'task-59': (5 / 6) * 10,
    });
  });

  it('hands over no more than half of the rest', () => {
    expect(delays(11, 10)).toEqual({});
    expect(delays(12, 10)).toEqual({ 'task-11': 0 });
    expect(delays(13, 10)).toEqual({ 'task-12': 0 });
    expect(Object.keys(delays(9, 1, 1))).toHaveLength(4);
  });

  it('takes all for the rest if more is open than this process can run', () => {
    expect(delays(1, -4)).toEqual({});
    expect(delays(10, -4)).toEqual({ 'task-8': 0, 'task-9': 5 });
  });
});

import { RunTurns } from './RunTurns';

describe('RunTurns', () => {
  let now: number;
  let hasFolder: boolean;
  let said: string[];
  let lifetime: AbortController;
  let turns: RunTurns<string>;

  beforeEach(() => {
    now = 0;
    said = [];
    lifetime = new AbortController();
    hasFolder = true;
    turns = new RunTurns({
      hasFolder: () => hasFolder,
      clock: () => now,
      signal: lifetime.signal,
    });
  });
  afterEach(() => lifetime.abort());

  const claim = (run: string) => turns.claimed('task', run);
  /** Fills the folder of the run that was claimed last. */
  const fill = async (run: string, action = async () => {}) => {
    const isLast = await turns.fill(
      'task',
      async () => {
        said.push(`${run} fills`);
        await action();
      },
      {
        waits: () => said.push(`${run} waits`),
        turn: () => said.push(`turn of ${run}`),
      },
    );
    said.push(`${run} is ${isLast ? '' : 'not '}the last`);
  };
  const current = () => turns.current('task');

  it('lets a run begin at once that is the only one', async () => {
    expect(current()).toBeUndefined();
    expect(claim('a')).toBeUndefined();
    await fill('a');
    expect(said).toEqual(['a fills', 'a is the last']);
    expect(current()).toBe('a');
    expect(turns.isAwaited('task')).toBe(false);
    // Of a task of which nothing is known.
    await expect(
      turns.fill('other', async () => {}, { waits() {}, turn() {} }),
    ).resolves.toBe(true);
  });

  it('has a run wait until the one before it is over', async () => {
    claim('a');
    await fill('a');
    expect(claim('b')).toBe('a');
    const filled = fill('b');
    expect(said.at(-1)).toBe('b waits');
    expect(current()).toBe('a');
    expect(turns.isAwaited('task')).toBe(true);
    expect(turns.allCurrent()).toEqual([['task', 'a']]);
    turns.finish('task');
    await filled;
    expect(said.slice(-3)).toEqual(['turn of b', 'b fills', 'b is the last']);
    expect(current()).toBe('b');
    turns.finish('task');
    expect(current()).toBe('b');
  });

  it('tells a run of its turn that is asked for when the one before it is over already', async () => {
    claim('a');
    await fill('a');
    claim('b');
    turns.finish('task');
    await fill('b');
    expect(said.slice(-3)).toEqual(['turn of b', 'b fills', 'b is the last']);
  });

  it('takes the place of a run that has ended, as its folder tells, or its end if that cannot be removed', async () => {
    claim('a');
    await fill('a');
    hasFolder = false;
    expect(claim('b')).toBeUndefined();
    expect(current()).toBe('b');
    hasFolder = true;
    await fill('b');
    turns.finish('task');
    expect(claim('c')).toBeUndefined();
    expect(current()).toBe('c');
  });

  it('takes the place of a run that asks for no turns, as without our workspace provider', () => {
    claim('a');
    expect(claim('b')).toBeUndefined();
    expect(current()).toBe('b');
  });

  it('has a run wait whose predecessor fills its folder, which then is not the last one', async () => {
    claim('a');
    let end = () => {};
    const first = fill('a', () => new Promise(resolve => (end = resolve)));
    expect(claim('b')).toBe('a');
    const second = fill('b');
    expect(claim('c')).toBe('b');
    const third = fill('c');
    end();
    await first;
    expect(said.at(-1)).toBe('a is not the last');
    turns.finish('task');
    await second;
    expect(said.at(-1)).toBe('b is not the last');
    expect(said).not.toContain('b fills');
    turns.finish('task');
    await third;
    expect(said.slice(-3)).toEqual(['turn of c', 'c fills', 'c is the last']);
  });

  it('does not wait for a run whose claim was rolled back', async () => {
    claim('a');
    turns.rolledBack('task');
    expect(current()).toBeUndefined();
    claim('a');
    await fill('a');
    turns.rolledBack('task');
    claim('b');
    turns.rolledBack('task');
    expect(current()).toBe('a');
    expect(turns.isAwaited('task')).toBe(false);
    expect(claim('c')).toBe('a');
    const filled = fill('c');
    turns.finish('task');
    await filled;
    expect(current()).toBe('c');
  });

  it.each([
    ['cannot be removed', 600_000],
    ['is gone', 130_000],
  ])(
    'takes a run for over whose end is not seen, long after it began to end, if its folder %s',
    async (folder, ms) => {
      claim('a');
      await fill('a');
      now = 900_000;
      turns.markEnding('task');
      claim('b');
      hasFolder = folder !== 'is gone';
      const filled = fill('b');
      now += ms;
      turns.markEnding('task');
      // It looks every 250 ms.
      await new Promise(resolve => setTimeout(resolve, 600));
      expect(current()).toBe('a');
      now += 1;
      await filled;
      expect(current()).toBe('b');
    },
  );

  it('takes a run for over that failed while its folder was filled, and of which nothing more is seen', async () => {
    claim('a');
    let end = () => {};
    const first = fill('a', () => new Promise(resolve => (end = resolve)));
    claim('b');
    const second = fill('b');
    end();
    await first;
    hasFolder = false;
    // It looks every 250 ms.
    await new Promise(resolve => setTimeout(resolve, 600));
    expect(current()).toBe('a');
    now = 130_001;
    await second;
    expect(current()).toBe('b');
  });

  it('ends the waiting with what it belongs to', async () => {
    claim('a');
    await fill('a');
    claim('b');
    const filled = fill('b');
    lifetime.abort();
    await expect(filled).rejects.toThrow('aborted');
  });

  it('forgets a run, but none that fills its folder or that another one waits for', async () => {
    claim('a');
    let end = () => {};
    const first = fill('a', () => new Promise(resolve => (end = resolve)));
    turns.forget('task');
    expect(current()).toBe('a');
    end();
    await first;
    claim('b');
    turns.forget('task');
    expect(current()).toBe('a');
    turns.finish('task');
    turns.forget('task');
    expect(current()).toBeUndefined();
  });

  it('passes on what filling fails with, after which the run is not being filled any more', async () => {
    claim('a');
    const failed = fill('a', async () => {
      throw new Error('no store');
    });
    await expect(failed).rejects.toThrow('no store');
    hasFolder = false;
    expect(claim('b')).toBeUndefined();
    expect(current()).toBe('b');
  });
});

import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { waitFor } from '../../../dev/harness/waitFor';
import { isGone, readThisProcess } from './thisProcess';

describe('a process', () => {
  const children: ChildProcess[] = [];
  afterEach(() => children.splice(0).forEach(child => child.kill('SIGKILL')));

  /** A process that does nothing until it is ended. */
  function start(script = 'setInterval(() => {}, 9e6)'): ChildProcess {
    const child = spawn(process.execPath, ['-e', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    return child;
  }

  it('is there while it runs, and gone when it was killed', async () => {
    const child = start();
    expect(isGone(child.pid!, null)).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isGone(child.pid!, null)).toBe(true);
  });

  it('is there while it is stopped', async () => {
    const child = start();
    child.kill('SIGSTOP');
    expect(isGone(child.pid!, null)).toBe(false);
  });

  it('is there if it is that of this test', () => {
    const { host, pid, started } = readThisProcess();
    expect(pid).toBe(process.pid);
    expect(isGone(pid, started)).toBe(false);
    expect(readThisProcess()).toEqual({ host, pid, started });
  });

  if (fs.existsSync('/proc/self/stat')) {
    it('is gone if another one has its id, which started at another time', () => {
      const { pid, started } = readThisProcess();
      expect(started).toMatch(/^\d+$/);
      expect(isGone(pid, `${Number(started) - 1}`)).toBe(true);
      // Where it is not known, any process may be it.
      expect(isGone(pid, null)).toBe(false);
    });

    it('is gone if nobody has asked for its end', async () => {
      // Its parent is stopped when it ends.
      const parent = start(
        `const child = require('child_process').spawn('sleep', ['600']); console.log(child.pid)`,
      );
      const [output] = await once(parent.stdout!, 'data');
      const pid = Number(output);
      parent.kill('SIGSTOP');
      process.kill(pid, 'SIGKILL');
      await waitFor('it to be a zombie', async () => isGone(pid, null));
      // The system still has it.
      expect(process.kill(pid, 0)).toBe(true);
    });
  }
});

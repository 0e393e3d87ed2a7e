import fs from 'node:fs';
import os from 'node:os';
import { ProcessIdentity } from '../../database/operations/processes/saveProcess';

/** How this process is to be known to others on its host. */
export function readThisProcess(): ProcessIdentity {
  return {
    host: readHost(),
    pid: process.pid,
    started: readStat(process.pid)?.started ?? null,
  };
}

/**
 * Where process ids mean the same: the host, its boot, and on Linux the namespace. Containers may share the name of their host, and even
 * a database file, and have the same process ids.
 */
function readHost(): string {
  return [
    os.hostname(),
    attempt(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    attempt(() => fs.readlinkSync('/proc/self/ns/pid')),
  ]
    .flatMap(part => (part ? [part.trim()] : []))
    .join(' ');
}

/**
 * Whether a process of this host is gone. One whose start time is not known counts as there for as long as any process has its id.
 *
 * @param started - its start time as `readThisProcess` reads it
 */
export function isGone(pid: number, started: string | null): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // It may be another user's, which cannot be signalled.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') {
      return true;
    }
  }
  const stat = readStat(pid);
  if (!stat) {
    return false;
  }
  return stat.isDead || (started !== null && stat.started !== started);
}

/**
 * What Linux tells of a process (`man proc_pid_stat`): its state, and when it started, in clock ticks since the boot. A process that has
 * ended and that its parent has not asked for yet is a zombie (`Z`).
 */
function readStat(
  pid: number,
): { started: string; isDead: boolean } | undefined {
  const text = attempt(() => fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field is a name in parentheses, which may have anything in it.
  const [state, ...fields] =
    text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  // The state is the third field, the start time the 22nd.
  const started = fields[18];
  return started ? { started, isDead: 'ZXx'.includes(state) } : undefined;
}

/** Nothing where there is no such file. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

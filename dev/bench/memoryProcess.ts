/*
 * A process that recovers the tasks of a database, and tells its parent how much memory that took.
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, connect } from './Databases';
import { FileLogger } from './FileLogger';
import { prepareRecovery, Way } from './ways';

/** What the process is to do. */
export type Order = { connection: Connection; way: Way };

/** Bytes of resident memory, and how many tasks were recovered. */
export type MemoryUse = { idle: number; peak: number; recovered: number };

async function main({ connection, way }: Order): Promise<void> {
  const knex = connect(connection);
  const recover = await prepareRecovery(way, knex, new FileLogger());
  // What was left of loading would else be room that the recovery gets for nothing.
  globalThis.gc!();
  await sleep(500);

  const idle = process.memoryUsage.rss();
  const isReset = resetPeak();
  let sampled = idle;
  const sampler = setInterval(() => {
    sampled = Math.max(sampled, process.memoryUsage.rss());
  }, 5);
  const recovered = await recover();
  clearInterval(sampler);
  const peak = isReset ? Math.max(sampled, readPeak()) : sampled;

  const measured: MemoryUse = { idle, peak, recovered };
  process.send!({ measured });
  await knex.destroy();
  process.disconnect();
}

/** Has Linux count the peak from now on, which sees also what comes and goes between two samples. */
function resetPeak(): boolean {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

function readPeak(): number {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

// Not to outlive its parent.
process.on('disconnect', () => process.exit());
void main(JSON.parse(process.argv[2]));

/*
 * A process that takes and restores snapshots of a workspace, and tells its parent how much memory that took.
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, connect } from '../Databases';
import { FileLogger } from '../FileLogger';
import { EDITS, Sample, SAMPLES } from './sampleWorkspaces';
import { WorkspaceSite } from './WorkspaceSite';

/** What the process is to do. */
export type Order = { connection: Connection; sample: Sample };

async function main({ connection, sample }: Order): Promise<void> {
  const knex = connect(connection);
  const logger = new FileLogger();
  // Has everything loaded, and the thread started.
  const small = await WorkspaceSite.create(knex, SAMPLES[0], logger);
  await small.take();
  const site = await WorkspaceSite.create(knex, sample, logger);
  await small.remove();
  globalThis.gc!();
  await sleep(500);

  const idle = process.memoryUsage.rss();
  // Has Linux count the peak from now on, which sees also what comes and goes between two samples.
  fs.writeFileSync('/proc/self/clear_refs', '5');
  await site.take();
  EDITS['1 % changed'](site.folder, 1);
  await site.take();
  await site.beginAgain();
  const added = readPeak() - idle;

  process.send!({ added });
  await site.remove();
  await knex.destroy();
  process.disconnect();
}

function readPeak(): number {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

// Not to outlive its parent.
process.on('disconnect', () => process.exit());
void main(JSON.parse(process.argv[2]));

/*
 * A process that takes and restores snapshots of a workspace, and tells its parent how much memory that took.
 */
import { storesOf } from './storesOf';
import { StoreEntry } from '../../../src/workspace/storeConfig';
import { Connection, connect } from '../Databases';
import { FileLogger } from '../FileLogger';
import { MemoryUse, memoryUseOf } from '../memoryUse';
import { Measured } from '../runInProcess';
import { EDITS, Sample, SAMPLES } from './sampleWorkspaces';
import { WorkspaceSite } from './WorkspaceSite';

/** What the process is to do. */
export type Order = {
  connection: Connection;
  sample: Sample;
  entry: StoreEntry;
};

async function main({ connection, sample, entry }: Order): Promise<void> {
  const knex = connect(connection);
  const logger = new FileLogger();
  // Has everything loaded, and the thread started.
  const small = await WorkspaceSite.create(
    knex,
    SAMPLES[0],
    storesOf(knex, entry),
    logger,
  );
  await small.take();
  const site = await WorkspaceSite.create(
    knex,
    sample,
    storesOf(knex, entry),
    logger,
  );
  await small.end();
  const measured = await memoryUseOf(async () => {
    await site.take();
    EDITS['1 % changed'](site.folder, 1);
    await site.take();
    await site.beginAgain();
  });
  const message: Measured<MemoryUse> = { measured };
  process.send!(message);
  await site.end();
  await knex.destroy();
  process.disconnect();
}

// Not to outlive its parent.
process.on('disconnect', () => process.exit());
void main(JSON.parse(process.argv[2]));

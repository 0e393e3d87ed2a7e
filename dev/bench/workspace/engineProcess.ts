/*
 * A process that takes and restores snapshots of a workspace, and nothing else, and tells its parent how much memory that took and for how long its
 * event loop was held. Beside the built-in provider, the loop would be held by what that leaves behind: 42 ms once with 30,000 files.
 */
import { storesOf } from './storesOf';
import { StoreEntry } from '../../../src/workspace/storeConfig';
import { Connection, connect } from '../Databases';
import { FileLogger } from '../FileLogger';
import { MemoryUse, memoryUseOf } from '../memoryUse';
import { Measured } from '../runInProcess';
import { EventLoop } from './EventLoop';
import { EDITS, Sample, SAMPLES } from './sampleWorkspaces';
import { WorkspaceSite } from './WorkspaceSite';

/** What it took. */
export type EngineUse = {
  memory: MemoryUse;
  /** The longest time that the event loop was held, in ms. */
  heldMs: number;
};

/** Of each edit. */
const ROUNDS = 10;

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
  const eventLoop = new EventLoop();
  const take = () => eventLoop.watch(() => site.take());
  const memory = await memoryUseOf(async () => {
    await take();
    EDITS['1 % changed'](site.folder, 1);
    await take();
    await eventLoop.watch(() => site.beginAgain());
  });
  for (const edit of Object.values(EDITS)) {
    for (let round = 0; round < ROUNDS; round++) {
      edit(site.folder, round);
      await take();
    }
  }
  const { heldMs } = eventLoop;
  const message: Measured<EngineUse> = { measured: { memory, heldMs } };
  process.send!(message);
  await site.end();
  await knex.destroy();
  process.disconnect();
}

// Not to outlive its parent.
process.on('disconnect', () => process.exit());
void main(JSON.parse(process.argv[2]));

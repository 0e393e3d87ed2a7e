/*
 * A process that recovers the tasks of a database, and tells its parent how much memory that took.
 */
import { Connection, connect } from '../Databases';
import { FileLogger } from '../FileLogger';
import { MemoryUse, memoryUseOf } from '../memoryUse';
import { Measured } from '../runInProcess';
import { prepareRecovery, Way } from './ways';

/** What the process is to do. */
export type Order = { connection: Connection; way: Way };

/** With how many tasks were recovered. */
export type RecoveryMemory = MemoryUse & { recovered: number };

async function main({ connection, way }: Order): Promise<void> {
  const knex = connect(connection);
  const recover = await prepareRecovery(way, knex, new FileLogger());
  let recovered = 0;
  const use = await memoryUseOf(async () => {
    recovered = await recover();
  });
  const message: Measured<RecoveryMemory> = { measured: { ...use, recovered } };
  process.send!(message);
  await knex.destroy();
  process.disconnect();
}

// Not to outlive its parent.
process.on('disconnect', () => process.exit());
void main(JSON.parse(process.argv[2]));

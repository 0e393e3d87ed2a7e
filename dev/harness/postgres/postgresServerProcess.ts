/*
 * A PostgreSQL server for those that cannot import the ES module that starts it, as jest's tests. It is told by messages
 * what to do, and ends with its parent.
 */
import { PostgresServer } from './PostgresServer';

async function main() {
  const server = await PostgresServer.start(JSON.parse(process.argv[2]));
  process.on('message', async (interruptMs: number) => {
    await server.interrupt(interruptMs);
    process.send!({ answer: { interruptMs } });
  });
  process.on('disconnect', async () => {
    await server.stop();
    process.exit();
  });
  process.send!({ answer: server.connection });
}

void main();

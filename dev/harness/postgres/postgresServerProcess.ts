/* A PostgreSQL server for those that cannot import the ES module that starts it, as jest's tests. */
import { serve } from '../process/serve';
import { PostgresOptions, PostgresServer } from './PostgresServer';

void serve(async (options: PostgresOptions) => {
  const server = await PostgresServer.start(options);
  return {
    told: server.connection,
    carryOut: async ({ interruptMs }: { interruptMs: number }) => {
      await server.interrupt(interruptMs);
      return {};
    },
    stop: () => server.stop(),
  };
});

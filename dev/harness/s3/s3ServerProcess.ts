/* An S3 server whose work does not hold up the process that uses it. */
import { serve } from '../process/serve';
import { S3Behaviour, S3Server } from '../S3Server';

export type S3Order = {
  /** `away`: it is stopped. `slow`: each answer is seconds late. */
  behave?: S3Behaviour | 'away' | 'slow';
};

const SLOW_MS = 2_000;

void serve(async () => {
  const server = await S3Server.start();
  let isAway = false;
  return {
    told: { endpoint: server.endpoint },
    carryOut: async ({ behave }: S3Order) => {
      if (behave) {
        if (behave === 'away') {
          await server.stop();
        } else if (isAway) {
          await server.goOn();
        }
        isAway = behave === 'away';
        server.delayMs = behave === 'slow' ? SLOW_MS : 0;
        server.behaviour =
          behave === 'away' || behave === 'slow' ? 'well' : behave;
      }
      return [...server.objects().keys()];
    },
    stop: () => server.remove(),
  };
});

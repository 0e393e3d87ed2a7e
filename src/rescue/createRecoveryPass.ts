import { LoggerService } from '@backstage/backend-plugin-api';
import { EventsService } from '@backstage/plugin-events-node';
import { Knex } from 'knex';
import { RecoveryConfig } from '../config';
import { DatabaseClock } from '../liveness/DatabaseClock';
import { OwnedRuns } from '../liveness/ownership/OwnedRuns';
import { ProcessRegistration } from '../liveness/processes/ProcessRegistration';
import { Settling } from '../liveness/Settling';
import { RecoveryListener } from '../record/RecoveryListener';
import { ScaffolderPoll } from '../scaffolder/statements/ScaffolderPoll';
import { FolderCleaner } from '../workspace/folders/FolderCleaner';
import { RunFolders } from '../workspace/folders/RunFolders';
import { BatchDecider } from './batch/BatchDecider';
import { FinalAttempts } from './FinalAttempts';
import { RecoveryPass } from './RecoveryPass';
import { Requeuer } from './requeue/Requeuer';

/** Puts a pass together, for the module, for tests and for the benchmark. */
export function createRecoveryPass(options: {
  knex: Knex;
  config: RecoveryConfig;
  folders: RunFolders;
  runs: OwnedRuns;
  registration: Pick<ProcessRegistration, 'number' | 'findDead'>;
  settling: Settling;
  poll: ScaffolderPoll;
  events: EventsService;
  listener: Pick<RecoveryListener, 'decided' | 'undecided'>;
  /** For tests. */
  databaseClock?: DatabaseClock;
  logger: LoggerService;
}): RecoveryPass {
  const { databaseClock = new DatabaseClock() } = options;
  const { timeoutSeconds } = options.config;
  const requeuer = new Requeuer(options);
  const finalAttempts = new FinalAttempts(options);
  return new RecoveryPass({
    ...options,
    databaseClock,
    decider: new BatchDecider({ ...options, requeuer, finalAttempts }),
    requeuer,
    cleaner: new FolderCleaner({ ...options, timeoutSeconds }),
  });
}

import type { Scenario } from '../scenario';
import { brokenSpec } from './brokenSpec';
import { cancelledWhileDown } from './cancelledWhileDown';
import { crashingStep } from './crashingStep';
import { databaseAway } from './databaseAway';
import { deployment } from './deployment';
import { killedWithDisk, killedWithoutDisk } from './killedInEachStep';
import { mustNotRunTwice } from './mustNotRunTwice';
import { secretsKept } from './secretsKept';
import { sleepingReplica } from './sleepingReplica';

/** The rows of the comparison, in their order. */
export const SCENARIOS: Scenario[] = [
  killedWithoutDisk,
  killedWithDisk,
  mustNotRunTwice,
  databaseAway,
  deployment,
  crashingStep,
  cancelledWhileDown,
  brokenSpec,
  sleepingReplica,
  secretsKept,
];

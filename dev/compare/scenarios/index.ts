import type { Scenario } from '../scenario';
import { brokenSpec } from './brokenSpec';
import { cancelledWhileDown } from './cancelledWhileDown';
import { crashingStep } from './crashingStep';
import { databaseAway } from './databaseAway';
import { deployment } from './deployment';
import {
  killedWithDisk,
  killedWithoutDependsOn,
  killedWithoutDisk,
} from './killedInEachStep';
import { largeWorkspace } from './largeWorkspace';
import { mustNotRunTwice } from './mustNotRunTwice';
import {
  retriedWithHalfChangedFiles,
  retriedWithTransform,
} from './retriedTask';
import { secretsKept } from './secretsKept';
import { sleepingReplica } from './sleepingReplica';

/** The rows of the comparison, in their order. */
export const SCENARIOS: Scenario[] = [
  killedWithoutDisk,
  killedWithDisk,
  killedWithoutDependsOn,
  mustNotRunTwice,
  databaseAway,
  deployment,
  crashingStep,
  cancelledWhileDown,
  brokenSpec,
  sleepingReplica,
  secretsKept,
  largeWorkspace,
  retriedWithTransform,
  retriedWithHalfChangedFiles,
];

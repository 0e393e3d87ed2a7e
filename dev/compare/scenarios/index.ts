import type { Scenario } from '../scenario';
import { cutOffForLess, cutOffForLonger } from './database/cutOff';
import { databaseAway } from './database/databaseAway';
import { deployment } from './everyday/deployment';
import {
  retriedWithHalfChangedFiles,
  retriedWithTransform,
} from './everyday/retriedTask';
import { secretsKept } from './everyday/secretsKept';
import { twoLines } from './everyday/twoLines';
import { brokenSpec } from './killed/brokenSpec';
import { cancelledWhileDown } from './killed/cancelledWhileDown';
import { crashingStep } from './killed/crashingStep';
import { besideAnother, restartedAtOnce } from './killed/defaultSettings';
import {
  killedWithDisk,
  killedWithoutDependsOn,
  killedWithoutDisk,
} from './killed/killedInEachStep';
import { largeWorkspace } from './killed/largeWorkspace';
import { mustNotRunTwice } from './killed/mustNotRunTwice';
import { sleepingReplica } from './killed/sleepingReplica';

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
  restartedAtOnce,
  besideAnother,
  twoLines,
  cutOffForLess,
  cutOffForLonger,
];

import { Experiment } from '../experiment';
import { databaseAway } from './databaseAway';
import { deployment } from './deployment';
import { killed } from './killed';
import { switchedOff } from './switchedOff';
import { twoLines } from './twoLines';

/** In the order in which they are started and shown. The longest come first. */
export const EXPERIMENTS: Experiment[] = [
  twoLines,
  databaseAway,
  killed('SQLite'),
  killed('PostgreSQL'),
  deployment,
  switchedOff,
];

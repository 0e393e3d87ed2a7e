import { Experiment } from '../experiment';
import { databaseAway } from './databaseAway';
import { deployment } from './deployment';
import { killed } from './killed';
import { switchedOff } from './switchedOff';
import { twoLines } from './twoLines';

/** In the order in which they are shown. */
export const EXPERIMENTS: Experiment[] = [
  killed('SQLite'),
  killed('PostgreSQL'),
  deployment,
  databaseAway,
  twoLines,
  switchedOff,
];

import { JsonObject } from '@backstage/types';
import { StepSite, StepTemplate } from '../harness/steps/StepSite';
import { ENGINES } from '../harness/TestSite';
import { BackendProcess } from '../harness/backend/BackendProcess';
import { PostgresProcess } from '../harness/postgres/PostgresProcess';

/** What an experiment works with. */
type Bench = {
  site: StepSite;
  /** Its own, so that it can be taken away. Only on PostgreSQL. */
  server?: PostgresProcess;
  /** @param scaffolder - the `scaffolder` section of its configuration, all of it */
  createBackend(scaffolder: JsonObject): Promise<BackendProcess>;
  /** Notes whether one of the checks holds: if nothing is thrown. Goes on in any case. */
  check(title: string, holds: () => Promise<void>): Promise<void>;
};

/** Something that is done to a real backend, and what has to hold then. */
export type Experiment = {
  engine: (typeof ENGINES)[number];
  /** The titles of its checks. Each is a row of the table. */
  checks: readonly string[];
  templates: StepTemplate[];
  run(bench: Bench): Promise<void>;
};

/** One row of the table, for one release. */
export type Outcome = { row: string; problem?: string };

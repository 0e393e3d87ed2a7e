import type { ComparedSite } from './ComparedSite';
import type { Way } from './ways';

/** What one way did in one scenario. */
export type Cell = {
  /** Whether it is what a user would want. */
  ok: boolean;
  /** What happened, with the figure. */
  text: string;
};

/** One row of the comparison. */
export type Scenario = {
  /** For the command line, and for the row. */
  id: string;
  title: string;
  /** What is done, in one sentence. */
  done: string;
  /** What counts as ✓: what a user would want. */
  wanted: string;
  /** Whether nothing else may run at the same time: it counts seconds, or takes PostgreSQL away, or starts backends all the time. */
  alone?: boolean;
  run(site: ComparedSite, way: Way): Promise<Cell>;
};

import { ASSUMPTIONS } from '../assumptions';
import { InstalledVersions } from './installedVersions';

/* Warnings about a scaffolder that is not as known: what was found, what follows, and what to do. */

/** What was found not to be as known. */
export type Deviation =
  | { kind: 'version'; scaffolder: string }
  | { kind: 'sqlite'; version: string }
  /** @param events - those of knex that did not report the probe */
  | { kind: 'unseen'; events: readonly string[] }
  | { kind: 'unrecognised' }
  | { kind: 'claim'; taskId: string }
  | { kind: 'earlyClaim'; taskId: string };

const { testedVersions, oldestSqlite } = ASSUMPTIONS;

/** Such as `4.2.0 to 4.3.x`. */
export const TESTED = `${testedVersions[0]}.0 to ${testedVersions.at(-1)}.x`;

const NOT_OWNED =
  'this process does not renew the heartbeats of its tasks, so after a stall or an outage of the database they can be recovered while they still run, and their effects happen twice; and on SIGTERM they become recoverable after recoverTasksTimeout instead of 5 s';

const REMEDY =
  'use a release of this module that was tested with the installed scaffolder, or set scaffolder.recoverTasks: false';

/** The line for the log. */
export function checkWarning(
  deviation: Deviation,
  versions: InstalledVersions,
): string {
  return `${describe(deviation)} (${describeVersions(versions)})`;
}

function describe(deviation: Deviation): string {
  switch (deviation.kind) {
    case 'version':
      return `This module was not tested with @backstage/plugin-scaffolder-backend ${deviation.scaffolder}, which is installed. Tasks are recovered, but what the module relies on may have changed, and only part of that is checked while it runs. Use a release of this module that was tested with it`;
    case 'sqlite':
      return `SQLite ${deviation.version} is older than ${oldestSqlite}, so the module's statements fail and no interrupted task is decided on. Upgrade better-sqlite3 to 9.1.0 or later`;
    case 'unseen':
      return `Knex did not report a statement that was sent through the scaffolder's database client (events missing: ${deviation.events.join(
        ', ',
      )}), so those of the scaffolder are not seen either: ${costOf(
        deviation.events,
      )}. Let coreServices.database return the same knex instance, of knex 3, to the module and the plugin, or set scaffolder.recoverTasks: false`;
    case 'unrecognised':
      return `Knex does not write the statement of a claim as this module knows it, so the claims of this process are not recognised: ${NOT_OWNED}. Use knex 3 without changes to its statements, or ${REMEDY}`;
    case 'claim':
      return `This process runs task ${deviation.taskId}, but did not recognise the statement that claimed it: ${NOT_OWNED}. To mend it, ${REMEDY}`;
    default:
      return `A worker claimed task ${deviation.taskId} before the startup hooks of the scaffolder plugin had ended: a task that was interrupted before this start can run again without a decision on it. To mend it, ${REMEDY}`;
  }
}

function costOf(events: readonly string[]): string {
  const costs: Record<string, string> = {
    start:
      'a task that is started again skips finished steps whose files are gone',
    query: 'tasks that are to run again can wait for 20 s instead of 10 s',
    'query-response': NOT_OWNED,
  };
  return events.map(event => costs[event]).join('; ');
}

function describeVersions({ scaffolder, module }: InstalledVersions): string {
  return `scaffolder ${scaffolder ?? 'of unknown version'}, this module ${
    module ?? 'of unknown version'
  }, tested with scaffolder ${TESTED}`;
}

import { formatTable } from '../../../harness/command/table';
import {
  GRACEFUL_REPLICA,
  KEEP_SECONDS,
  MAX_CONNECTIONS,
  REPLICAS,
  SMALL_POOL,
  STALE_TIMEOUT_HOURS,
  STEP_MS,
  TASKS_IN_FLIGHT,
  TIMEOUT_SECONDS,
} from '../../settings';
import type { StoreName } from '../../stores/storeFaults';
import { count } from '../count';
import type { Outcome } from '../outcome';

const STORE_NAMES: Record<StoreName, string> = {
  database: 'the database',
  directory: 'a directory',
  s3: 'S3',
};

export function settingsOf({
  options,
  evidence,
  dispatchFailures,
}: Outcome): string {
  const { tasks, journal } = evidence;
  return formatTable(
    ['setting', 'value'],
    [
      ['seed', options.seed],
      ['faults injected for', `${options.minutes} minutes`],
      ['backends', `${REPLICAS.length}, one PostgreSQL`],
      [
        'the files of tasks are in',
        `${STORE_NAMES[options.store]}${options.isEncrypted ? ', encrypted' : ''}`,
      ],
      ['files of failed tasks are kept for', `${KEEP_SECONDS} seconds`],
      ['of which with a graceful shutdown', GRACEFUL_REPLICA],
      ['recoverTasksTimeout', `${TIMEOUT_SECONDS} seconds`],
      ['staleTimeout', `${STALE_TIMEOUT_HOURS} hours`],
      [
        `connections of ${SMALL_POOL.replica} for the scaffolder`,
        SMALL_POOL.connections,
      ],
      ['connections of PostgreSQL', MAX_CONNECTIONS],
      ['tasks in flight', `up to ${TASKS_IN_FLIGHT}`],
      ['a step takes', `${STEP_MS.low} ms to ${STEP_MS.high / 1000} s`],
      ['tasks started', tasks.length],
      ['of which end their process', count(tasks, t => t.isPoisoned)],
      [
        'of which have a step that fails by itself',
        count(tasks, t => t.isFailing),
      ],
      ['dispatches without an answer', dispatchFailures],
      ['steps begun', count(journal, e => e.kind === 'begin')],
    ],
  );
}

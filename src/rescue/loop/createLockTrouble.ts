import { safeError } from '../../util/safeError';
import { Troubles } from './Troubles';

const LOCK = 'lock by which a crash of this process is noticed';

/** Reports that this process cannot have its lock. It goes on deciding on the tasks of others. */
export function createLockTrouble(troubles: Troubles) {
  return {
    report: (error: Error) =>
      troubles.report(LOCK, {
        message: `The ${LOCK} cannot be held, trying again until it works. Until then a crash of this process is noticed after scaffolder.recoverTasksTimeout only. It needs one connection per replica beside the pool, which stays open: raise the connection limit of the database role, or of the server, by one for each replica, unless the error shows another cause`,
        error: safeError(error),
        isBlocking: false,
      }),
    over: () => troubles.over(LOCK),
  };
}

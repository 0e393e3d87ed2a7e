/**
 * What interrupted a task. `shutdown`: its backend had been asked to end. `crash`: its process is known to be dead. `connection`: its
 * backend lost its connection to the database. `silence`: it had no heartbeat for `scaffolder.recoverTasksTimeout`, and it is not known
 * why.
 */
export type InterruptedBy = 'silence' | 'shutdown' | 'crash' | 'connection';

/** How it is known that a process is dead: the lock that it held in the database is free, or its process id is gone. */
export type KnownBy = 'lock' | 'pid';

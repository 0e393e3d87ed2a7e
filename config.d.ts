import { HumanDuration } from '@backstage/types';

export interface Config {
  scaffolder?: {
    /**
     * Whether tasks that a restart of the backend interrupted are recovered, each as its template asks for in
     * `spec.recovery`. Nothing else is needed: unless they are set, `taskRecovery.enabled` is true then, and
     * `taskRecovery.staleTimeout` 12 hours, or as near to that as the other timeouts allow. It has to be at least 30 seconds above
     * `recoverTasksTimeout` and at least 30 seconds below `taskTimeout`. If what is set contradicts, the backend does not start, and
     * says what to change.
     *
     * Needs the scaffolder's own task broker. Tasks that were claimed before this was on are closed when they are interrupted.
     *
     * Default: false. Then the module does nothing at all.
     */
    recoverTasks?: boolean;

    /**
     * How long a running task must have been silent to count as interrupted. A running task gives a sign of life every
     * second, so this is to be longer than the longest stall of a backend or its database. At least 5 seconds.
     *
     * A duration: an object such as `{ minutes: 1 }`, an ISO duration such as `PT1M`, or a string such as `1m`.
     *
     * Default: 30 seconds.
     */
    recoverTasksTimeout?: HumanDuration | string;

    /**
     * How often a task is recovered in a row without getting any further, that is without that a step finishes which had
     * never finished before. Interrupted once more, it is closed as failed: it may be what ends the backend. A task that
     * was interrupted by a planned shutdown (SIGTERM) does not spend an attempt. A whole number of at least 1. A template
     * can set its own in `spec.recovery.maxAttempts`.
     *
     * Default: 3.
     */
    recoverTasksMaxAttempts?: number;

    /**
     * Whether a process ends itself when it finds that a task which it still runs was taken over meanwhile, because the
     * process had been stalled or cut off from the database for longer than `recoverTasksTimeout`. Nothing more happens
     * twice then. All its other tasks are interrupted as well; they are marked first, and recovered as after a shutdown.
     *
     * Default: false. Then it says so in both logs and goes on.
     */
    recoverTasksExitWhenTakenOver?: boolean;

    /**
     * Whether the person who started a task is notified when it was interrupted and closed, or goes on. Needs the
     * notifications plugin (`@backstage/plugin-notifications-backend`); without it, the log says that it could not be reached.
     *
     * Default: false.
     */
    recoverTasksNotify?: boolean;

    /**
     * Snapshots of the workspaces of running tasks, from which a task with the strategy `idempotent` goes on with the files that its
     * interrupted step had found. They are kept in the scaffolder's database, one after each step, of which only what changed is stored.
     * Not used while `taskRecovery.workspaceProvider` names another provider.
     */
    recoverTasksWorkspaces?: {
      /**
       * Whether snapshots are made. If not, a task goes on in an empty workspace, and steps that need files have to say which steps
       * they depend on.
       *
       * Default: true.
       */
      enabled?: boolean;

      /**
       * The largest workspace, in MB (1,000,000 bytes), of which snapshots are made. Beyond it no step fails; the backend's log says so, and
       * if the task is interrupted, it runs without the files.
       *
       * Default: 1000.
       */
      maxMegabytes?: number;

      /**
       * The most files, folders and links in a workspace of which snapshots are made. Beyond it, as with `maxMegabytes`.
       *
       * Default: 100000.
       */
      maxFiles?: number;

      /**
       * How long the files of a task that failed or was cancelled are kept for a retry. Those of a completed task are deleted when it ends.
       *
       * A duration: an object such as `{ hours: 12 }`, an ISO duration such as `PT12H`, or a string such as `12h`.
       *
       * Default: 1 day.
       */
      keepFor?: HumanDuration | string;
    };
  };
}

import { HumanDuration } from '@backstage/types';

export interface Config {
  scaffolder?: {
    /**
     * Whether tasks that a restart of the backend interrupted are recovered, each as its template asks in
     * `spec.recovery`. No other setting is needed: unless they are set, `taskRecovery.enabled` is then true,
     * `taskRecovery.staleTimeout` 12 hours, or as near to that as the other timeouts allow, and `taskRecovery.workspaceProvider` `recovery`.
     * `staleTimeout` must be at least 30 seconds above `recoverTasksTimeout` and at least 30 seconds below `taskTimeout`. If the settings
     * contradict each other, the backend does not start, and its error has the lines to paste.
     *
     * Needs the scaffolder's own task broker. Tasks that were claimed before this was on are closed when they are interrupted.
     *
     * Default: false. Then the module does nothing.
     */
    recoverTasks?: boolean;

    /**
     * How long a running task must have been silent to count as interrupted. A running task writes a heartbeat every
     * second. Set it above the longest stall of a backend or its database. At least 5 seconds.
     *
     * A duration: an object such as `{ minutes: 1 }`, an ISO duration such as `PT1M`, or a string such as `1m`.
     *
     * Default: 30 seconds.
     */
    recoverTasksTimeout?: HumanDuration | string;

    /**
     * How often a task is recovered in a row without progress. Progress is a step that finishes and had
     * never finished before. Interrupted once more, the task is closed as failed: it may be what ends the backend. An interruption by
     * a planned shutdown (SIGTERM) uses no attempt. A whole number of at least 1. A template can set its own in
     * `spec.recovery.maxAttempts`.
     *
     * Default: 3.
     */
    recoverTasksMaxAttempts?: number;

    /**
     * Whether a process ends itself when it finds that it lost ownership of a task that it still runs, because the
     * process had been stalled or cut off from the database for longer than `recoverTasksTimeout`. Then no further step runs
     * twice. All its other tasks are interrupted as well; they are marked first, and recovered as after a shutdown.
     *
     * Default: false. Then both logs report it, and the process goes on.
     */
    recoverTasksExitOnLostOwnership?: boolean;

    /**
     * Whether the person who started a task is notified when it was interrupted and closed, or goes on. Needs the
     * notifications plugin (`@backstage/plugin-notifications-backend`); without it, the log reports that it could not be reached.
     *
     * Default: false.
     */
    recoverTasksNotify?: boolean;

    /**
     * Snapshots of the workspaces of running tasks. From them a task with the strategy `idempotent` goes on with the files that its
     * interrupted step found when it began. They are stored in the scaffolder's database, one after each step, of which only the
     * changes are stored. Not used while `taskRecovery.workspaceProvider` names another provider.
     */
    recoverTasksWorkspaces?: {
      /**
       * Whether snapshots are made. If not, a task goes on in an empty workspace, and steps that need files must name the steps that
       * they depend on.
       *
       * Default: true.
       */
      enabled?: boolean;

      /**
       * The largest workspace, in MB (1,000,000 bytes), of which snapshots are made. Beyond it no step fails. The backend's log
       * reports it, and if the task is interrupted, it runs without the files.
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
       * How long the files of a task that failed or was cancelled are kept for a retry. Those of a completed task are deleted when it
       * ends.
       *
       * A duration: an object such as `{ hours: 12 }`, an ISO duration such as `PT12H`, or a string such as `12h`.
       *
       * Default: 1 day.
       */
      keepFor?: HumanDuration | string;

      /**
       * Where the content of files is stored: in the first of these. All are read, so a store that was used before stays in the list
       * until no task needs it any more. Names, modes and times of files are always in the scaffolder's database.
       *
       * Default: `[{ type: database }]`.
       */
      stores?: (
        | {
            /** The scaffolder's database. */
            type: 'database';
          }
        | {
            /** A folder that all replicas share. */
            type: 'directory';
            /**
             * Its absolute path. It has to exist, and the backend has to be allowed to write there. If it is on a volume of its own,
             * name a folder on that volume and not the mount point, so that it is missed when the volume is not mounted.
             */
            path: string;
          }
        | {
            /**
             * A bucket of S3, or of a server that speaks its protocol. Needs `@aws-sdk/client-s3` and `@backstage/integration-aws-node`
             * in the backend. The credentials are those below `aws`, or those of the process.
             */
            type: 's3';
            /** The name of the bucket. */
            bucket: string;
            /** Stands before the keys of all objects, with a slash between them. Default: none. */
            prefix?: string;
            /** The region of the bucket. Default: that of the environment of the process. */
            region?: string;
            /** The URL of the server, if it is not Amazon's. */
            endpoint?: string;
            /** Whether the bucket is named in the path of URLs and not in their host, as MinIO needs it. Default: false. */
            forcePathStyle?: boolean;
            /** The account below `aws.accounts` whose credentials are used. Default: those of `aws.mainAccount`. */
            accountId?: string;
          }
      )[];

      /**
       * Keys that encrypt the files and their names, in every store and also in the database. The first one encrypts, and all decrypt,
       * so a key that was used before stays in the list until no task needs it any more. Each is the base64 of 32 bytes, as
       * `openssl rand -base64 32` makes it.
       *
       * Default: none. Then nothing is encrypted.
       *
       * @deepVisibility secret
       */
      encryptionKeys?: string[];
    };
  };
}

import { HumanDuration } from '@backstage/types';

export interface Config {
  scaffolder?: {
    /**
     * Whether tasks that a restart of the backend interrupted are recovered, each as its template asks for in
     * `spec.recovery`. Needs `taskRecovery.enabled`, and `taskRecovery.staleTimeout` at least 30 seconds above
     * `recoverTasksTimeout` and at least 30 seconds below `taskTimeout`. Otherwise the backend does not start, and says
     * what to change.
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
     * Whether a process ends itself when it finds that a task which it still runs was taken over meanwhile, because the
     * process had been stalled or cut off from the database for longer than `recoverTasksTimeout`. Nothing more happens
     * twice then, and all its other tasks are interrupted as well.
     *
     * Default: false. Then it says so in both logs and goes on.
     */
    recoverTasksExitWhenTakenOver?: boolean;
  };
}

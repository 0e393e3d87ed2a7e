/** `recoverTasksTimeout` of all backends. */
export const TIMEOUT_SECONDS = 8;

export const STALE_TIMEOUT_HOURS = 12;

export const REPLICAS = ['first', 'second', 'third'];

/** It has `EXPERIMENTAL_gracefulShutdown`: asked to end, it lets its tasks end first, until it is killed for that. */
export const GRACEFUL_REPLICA = 'third';

/** It has so few connections for the scaffolder that its tasks wait for each other's statements. */
export const SMALL_POOL = { replica: 'second', connections: 2 };

/** How many connections PostgreSQL has for all: what is left of them is to be taken now and then. */
export const MAX_CONNECTIONS = 100;

/** Below the 3 x 10 slots of the workers, so that a task does not wait for a slot. */
export const TASKS_IN_FLIGHT = 20;

export const STEP_MS = { low: 100, high: 4 * TIMEOUT_SECONDS * 1000 };

/** How long all tasks may take to end after the last fault. */
export const QUIET_MINUTES = 6;

/** How long the files of failed and cancelled tasks are kept for a retry. */
export const KEEP_SECONDS = 60;

/** How long the files of all tasks may take to be deleted after that: a process that was killed in it locks out others for 5 minutes. */
export const CLEANING_MINUTES = 7;

/** A recovery that takes longer than this in 1 of 20 cases is marked in the report. */
export const SLOW_RECOVERY_SECONDS = TIMEOUT_SECONDS + 20;

/** `recoverTasksMaxAttempts` of all backends: so many faults hit a task that no other limit would let it get to its end. */
export const MAX_ATTEMPTS = 1_000_000;

/** `spec.recovery.maxAttempts` of those templates of which a step ends the process. */
export const POISON_LIMIT = 3;

export const POISONED_STEP = 'step2';

/** So many of all tasks end their process. Each does it several times. */
export const POISONED_TASKS = 0.04;

/** So many of all tasks have a step that fails by itself the first time. */
export const FAILING_TASKS = 0.06;

/** What such a step fails with. */
export const STEP_FAILURE = 'This step fails by itself';

/** So many of all tasks are given a sign-in that has expired. */
export const EXPIRED_SIGN_INS = 0.25;

/** Of each strategy the first task that fails is started again, and then one of so many. Of those whose step failed by itself, all are. */
export const ONE_RETRY_OF = 10;

/** How long after its end a task is started again. */
export const RETRY_DELAY_MS = { low: 50, high: 5_000 };

/** The journals and the database use one clock, but not to the same millisecond. */
export const CLOCK_SLACK_MS = 5;

/** Within this a process records a retry that it has answered. One that lives for longer and has not done so never will. */
export const RETRY_RECORDED_MS = 1_000;

/** The ids of the actions of all chaos templates. */
export const CHAOS_ACTION = 'chaos:step';
export const FILES_ACTION = 'chaos:files';

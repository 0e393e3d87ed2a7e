/** How often the scaffolder's own recovery polls, in each process (`TASK_RECOVERY_INTERVAL_MS` of `TaskWorker`, 4.2.0). */
export const POLL_INTERVAL_SECONDS = 10;

/** How often a running task's heartbeat is written (`TaskManager.startTimeout` in `StorageTaskBroker`, 4.2.0). */
export const HEARTBEAT_INTERVAL_SECONDS = 1;

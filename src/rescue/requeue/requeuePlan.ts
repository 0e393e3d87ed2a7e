/**
 * How tasks get to run again. A worker sleeps until its own process wakes it, so a task that is only set to open is found by the workers
 * of a process that starts, and by no others (`TASK_RECOVERY_INTERVAL_MS`, @backstage/plugin-scaffolder-backend 4.2.0).
 */
export type RequeuePlan = {
  /** Opened now, for the workers of this process, which start after this. */
  open: string[];
  /** Left to the scaffolder's poll, which opens them and wakes a worker: after how many seconds each may be opened. */
  handOver: Map<string, number>;
};

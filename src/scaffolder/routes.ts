/**
 * The route that starts an ended task again, and the status of its answer when it has (`router`, 4.2.0 and 4.3.0). What else it answers, such
 * as a refusal, has another one.
 */
export const RETRY_ROUTE = {
  path: '/v2/tasks/:taskId/retry',
  startedStatus: 201,
} as const;

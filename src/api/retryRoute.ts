import express from 'express';
import { Retries } from '../rescue/Retries';
import { RETRY_ROUTE } from '../scaffolder/routes';
import { UUID } from '../util/uuid';

const TASK_ID = new RegExp(`^${UUID}$`, 'i');

/**
 * Stands before the scaffolder's own route that starts an ended task again, which does all the rest: it asks for
 * permission, checks the secrets, and answers. Reads no body.
 */
export function createRetryRoute(
  retries: Pick<Retries, 'plan'>,
): express.Router {
  const router = express.Router();
  router.post(RETRY_ROUTE.path, async (req, res, next) => {
    const { taskId } = req.params;
    if (TASK_ID.test(taskId)) {
      const answered = await retries.plan(taskId);
      // Not an event of the response: if the caller has left, those come before the scaffolder is done.
      const end = res.end.bind(res) as (...args: unknown[]) => typeof res;
      res.end = (...args: unknown[]) => {
        void answered({
          isStarted: res.statusCode === RETRY_ROUTE.startedStatus,
        });
        return end(...args);
      };
    }
    next();
  });
  return router;
}

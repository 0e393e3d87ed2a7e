import { HttpAuthService } from '@backstage/backend-plugin-api';
import { createValidatedOpenApiRouter } from '@backstage/backend-openapi-utils';
import { InputError, NotFoundError } from '@backstage/errors';
import express from 'express';
import { Knex } from 'knex';
import { listAttempts } from '../database/operations/attempts/listAttempts';
import { readClock } from '../database/operations/server/readClock';
import { readKept } from '../database/operations/snapshots/kept/readKept';
import { readTaskStatus } from '../database/operations/tasks/readTaskStatus';
import { summarizeAttempts } from '../database/operations/attempts/summarizeAttempts';
import { Forecast } from '../record/Forecast';
import { decodeCursor, encodeCursor } from './cursor';
import { DEFAULT_LIMIT, MOST_ATTEMPTS_OF_TASK } from './limits';
import { spec } from './openapi';
import { summaryRange } from './summaryRange';
import { TaskAccess } from './TaskAccess';
import { attemptView, forecastView, summaryView, workspaceView } from './views';

/** Below the scaffolder's own path, and ahead of its own routes, which begin with `/v2`. */
const BASE_PATH = '/recovery/v1';

/** The REST API that `openapi.ts` describes. */
export function createRouter(options: {
  knex: Knex;
  access: TaskAccess;
  forecast: Forecast;
  httpAuth: HttpAuthService;
  /** How long the files of a task are kept that failed or was cancelled. Nothing if this module keeps none. */
  keepSeconds: number | undefined;
}): express.Router {
  const { knex, access, forecast, httpAuth, keepSeconds } = options;
  const readableTasks = async (req: unknown) =>
    access.readable(await httpAuth.credentials(req as express.Request));

  const api = createValidatedOpenApiRouter(spec);

  api.get('/attempts', async (req, res) => {
    const tasks = await readableTasks(req);
    const { limit, cursor, decidedAfter, decidedBefore, ...equal } = req.query;
    const size = Number(limit ?? DEFAULT_LIMIT);
    const rows = await listAttempts(knex, {
      filter: { ...equal, tasks, ...range(decidedAfter, decidedBefore) },
      after: cursor ? decodeCursor(cursor) : undefined,
      // One more shows whether there is a next page.
      limit: size + 1,
    });
    const page = rows.slice(0, size);
    const last = page.at(-1);
    res.json({
      items: page.map(attemptView),
      pageInfo:
        last && rows.length > size
          ? { nextCursor: encodeCursor(last.position) }
          : {},
    } as any);
  });

  api.get('/tasks/:taskId', async (req, res) => {
    const tasks = await readableTasks(req);
    const { taskId } = req.params;
    const status = await readTaskStatus(knex, taskId, tasks);
    if (status === undefined) {
      // The same for a task that the caller may not read: that it exists is something about it.
      throw new NotFoundError(`No task with id '${taskId}' found`);
    }
    const attempts = await listAttempts(knex, {
      filter: { taskId },
      limit: MOST_ATTEMPTS_OF_TASK,
    });
    const ifInterrupted = await forecast.forTask(taskId);
    const kept = await readKept(knex, { taskId, keepSeconds });
    res.json({
      taskId,
      status,
      attempts: attempts.map(attemptView),
      workspace: kept && workspaceView(kept),
      ifInterruptedNow: ifInterrupted && forecastView(ifInterrupted),
    } as any);
  });

  api.get('/summary', async (req, res) => {
    const tasks = await readableTasks(req);
    const { decidedAfter, decidedBefore } = req.query;
    const counted = summaryRange(
      range(decidedAfter, decidedBefore),
      await readClock(knex),
    );
    const counts = await summarizeAttempts(knex, { tasks, ...counted });
    res.json(summaryView(counts, counted) as any);
  });

  // Whatever is below other paths must not come by here: it reads bodies, and those of the scaffolder can be larger.
  return express.Router().use(BASE_PATH, api);
}

function range(after: string | undefined, before: string | undefined) {
  return {
    decidedAfter: readTime('decidedAfter', after),
    decidedBefore: readTime('decidedBefore', before),
  };
}

/** The validation checks the form only, and lets a month 13 pass. */
function readTime(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) {
    return undefined;
  }
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) {
    throw new InputError(
      `The query parameter '${name}' is '${text}', which is not a time; expected e.g. 2026-11-25T08:00:00Z`,
    );
  }
  return date;
}

import { TemplateAction } from '@backstage/plugin-scaffolder-node';
import { traitsOf } from '../../../../src/check/actions';
import { fetchRemote, isRemote, resolveUrl } from './fetching';
import { makeFiles } from './makeFiles';
import { reachOutside } from './reachOutside';
import { roadieWorks } from './roadieWorks';
import { Work, WorkContext } from '../StepRuns';

/** The actions of the scaffolder that are left as they are: they work on the workspace alone. */
export const REAL_ACTIONS = [
  'catalog:write',
  'debug:log',
  'debug:wait',
  'fetch:plain',
  'fetch:plain:file',
  'fetch:template',
  'fetch:template:file',
  'fs:delete',
  'fs:readdir',
  'fs:rename',
];

/** No template is tried for how long it waits. */
const WAIT = { milliseconds: 10 };

/**
 * What is done for an action.
 *
 * @param real - the action itself, if it is one of `REAL_ACTIONS`
 */
export function findWork(
  id: string,
  real?: TemplateAction<any, any, any>,
): Work {
  const make = roadieWorks[id];
  if (make) {
    return inside(make);
  }
  if (!real) {
    // What it would leave in the workspace is all that later steps have of it.
    return traitsOf({ action: id })?.writes
      ? inside(makeFiles(id))
      : { isOutside: true, run: reachOutside(id) };
  }
  if (id.startsWith('fetch:')) {
    return inside(async context =>
      isRemote(context.input.url)
        ? fetchRemote(id, context)
        : real.handler(await resolveUrl(id, context)),
    );
  }
  return inside(async context =>
    real.handler({
      ...context,
      ...(id === 'debug:wait' && { input: WAIT }),
    }),
  );
}

/** Pauses when all is done but the step has not ended. */
function inside(work: (context: WorkContext) => Promise<unknown>): Work {
  return {
    isOutside: false,
    async run(context) {
      await work(context);
      await context.pause();
    },
  };
}

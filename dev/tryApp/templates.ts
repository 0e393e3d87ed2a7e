import { templateEntity } from '../harness/templateEntity';

/** How often each step begins if the backend is killed once in the second one. */
export const PROMISED = {
  restart: 'read 2, work 2, report 1',
  idempotent: 'read 1, work 2, report 1',
};
export type Strategy = keyof typeof PROMISED;
export const STRATEGIES = Object.keys(PROMISED) as Strategy[];

/** The last step says this only with the output of the first one. */
export const REPORT = 'Worked for guests';

/** Of actions that each app has. */
export const TEMPLATES = STRATEGIES.map(strategy =>
  templateEntity({
    name: `try-${strategy}`,
    recovery: { strategy },
    steps: [
      {
        id: 'read',
        action: 'catalog:fetch',
        input: { entityRef: 'group:default/guests' },
      },
      { id: 'work', action: 'debug:wait', input: { seconds: 20 } },
      {
        id: 'report',
        action: 'debug:log',
        input: {
          message: 'Worked for ${{ steps.read.output.entity.metadata.name }}',
        },
      },
    ],
  }),
);

/** Stands in the spec of the sample task for what differs from task to task. */
export const NAME = 'service-name';

/** Stands once in the spec of the interrupted task for what makes it larger. */
export const FILLER = '<filler>';

const STEPS = 20;
const COMPLETED = 10;

/** What some steps need again: earlier steps, by number, as templates say it. */
const DEPENDS_ON: Record<number, number[]> = {
  5: [2],
  9: [2, 5],
  11: [9],
  15: [2],
  18: [11],
};

const stepId = (n: number) => `step-${n}`;
const numbers = (count: number) =>
  Array.from({ length: count }, (_, i) => i + 1);

function specOf(steps: object[], parameters: object): string {
  return JSON.stringify({
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    steps,
    output: {
      links: [{ title: 'Open', url: '${{ steps.publish.output.url }}' }],
    },
    parameters: { name: NAME, owner: 'group:default/platform', ...parameters },
    user: { ref: 'user:default/guest' },
    templateInfo: {
      entityRef: 'template:default/sample',
      baseUrl: 'https://github.com/acme/templates/tree/main/sample/',
    },
  });
}

function step(n: number): object {
  return {
    id: stepId(n),
    name: `Step number ${n} of ${NAME}`,
    action: ['fetch:template', 'acme:transform', 'publish:github'][n % 3],
    input: {
      url: `./skeleton/part-${n}`,
      targetPath: `./out/${n}`,
      values: {
        name: '${{ parameters.name }}',
        owner: '${{ parameters.owner }}',
      },
    },
    ...(DEPENDS_ON[n] && {
      recovery: { dependsOn: DEPENDS_ON[n].map(stepId) },
    }),
  };
}

/** The spec of a small task, filled up with parameters to so many bytes. */
export function smallSpec(bytes: number): string {
  const steps = numbers(4).map(step);
  const fields: Record<string, string> = {};
  for (let i = 1; specOf(steps, fields).length < bytes - 60; i++) {
    fields[`field${i}`] = `Value ${i * 7919} of ${NAME}, ${i} of many`;
  }
  const spec = specOf(steps, fields);
  const missing = bytes - specOf(steps, { ...fields, note: '' }).length;
  return missing < 0
    ? spec
    : specOf(steps, { ...fields, note: 'x'.repeat(missing) });
}

/** A task of 20 steps that was interrupted in the eleventh. */
export const interruptedTask = {
  spec: specOf(numbers(STEPS).map(step), { description: FILLER }),

  state: JSON.stringify({
    state: {
      checkpoints: {},
      steps: Object.fromEntries(
        numbers(COMPLETED).map(n => [
          stepId(n),
          {
            status: 'completed',
            output: {
              remoteUrl: `https://github.com/acme/${NAME}-${n}.git`,
              commitHash: '3f786850e387550fdab836ed7e6dc881de23001b',
            },
          },
        ]),
      ),
    },
  }),

  secrets: JSON.stringify({
    __initiatorCredentials: JSON.stringify({
      $$type: '@backstage/BackstageCredentials',
      principal: { type: 'user', userEntityRef: 'user:default/guest' },
      token: 'eyJ0eXAiOiJ2bmQuYmFja3N0YWdlLnVzZXIi'.repeat(10),
    }),
  }),

  /** The bodies of its log events, in their order. */
  logEvents: [
    ...numbers(COMPLETED).flatMap(n => [
      {
        message: `Beginning step ${n}`,
        stepId: stepId(n),
        status: 'processing',
      },
      ...numbers(3).map(line => ({
        message: `info: line ${line} of what the action of step ${n} had to say`,
        stepId: stepId(n),
      })),
      {
        message: `Finished step Step number ${n}`,
        stepId: stepId(n),
        status: 'completed',
      },
    ]),
    {
      message: `Beginning step ${COMPLETED + 1}`,
      stepId: stepId(COMPLETED + 1),
      status: 'processing',
    },
  ].map(body => JSON.stringify(body)),
};

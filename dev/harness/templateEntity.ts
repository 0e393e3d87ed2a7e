import { JsonObject } from '@backstage/types';

/** A template, as the catalog reads it. Tasks may have any parameters. */
export function templateEntity(template: {
  name: string;
  recovery?: JsonObject;
  /** The strategy of the scaffolder's legacy recovery. */
  legacy?: 'none' | 'startOver';
  steps: (JsonObject & { id: string; action: string })[];
}) {
  const { name, recovery, legacy, steps } = template;
  return {
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    kind: 'Template',
    metadata: { name },
    spec: {
      type: 'test',
      owner: 'guests',
      ...(recovery && { recovery }),
      ...(legacy && {
        EXPERIMENTAL_recovery: { EXPERIMENTAL_strategy: legacy },
      }),
      parameters: [],
      steps: steps.map(step => ({ name: step.id, ...step })),
    },
  };
}

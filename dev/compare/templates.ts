import { JsonObject } from '@backstage/types';
import fs from 'node:fs/promises';
import path from 'node:path';

type Template = {
  /** What its users want: the strategy for this module, and for the legacy recovery what is nearest to it. */
  recovery: { strategy: 'none' | 'idempotent' };
  legacyRecovery: 'none' | 'startOver';
  steps: { id: string; action: string; dependsOn?: string[] }[];
};

/** The same for all ways. What a way does not know it ignores. */
const TEMPLATES = {
  repository: {
    recovery: { strategy: 'idempotent' },
    legacyRecovery: 'startOver',
    steps: [
      { id: 'fetch', action: 'compare:fetch' },
      { id: 'transform', action: 'compare:transform', dependsOn: ['fetch'] },
      {
        id: 'publish',
        action: 'compare:publish',
        dependsOn: ['fetch', 'transform'],
      },
    ],
  },
  'without-depends-on': {
    recovery: { strategy: 'idempotent' },
    legacyRecovery: 'startOver',
    steps: ['fetch', 'transform', 'publish'].map(id => ({
      id,
      action: `compare:${id}`,
    })),
  },
  notice: {
    recovery: { strategy: 'idempotent' },
    legacyRecovery: 'startOver',
    steps: ['fetch', 'notice', 'publish'].map(id => ({
      id,
      action: `compare:${id}`,
    })),
  },
  large: {
    recovery: { strategy: 'idempotent' },
    legacyRecovery: 'startOver',
    steps: [
      { id: 'fill', action: 'compare:fillLarge' },
      { id: 'change', action: 'compare:changeLarge' },
      { id: 'publish', action: 'compare:publishDigest' },
    ],
  },
  steps: {
    recovery: { strategy: 'idempotent' },
    legacyRecovery: 'startOver',
    steps: ['step1', 'step2', 'step3'].map(id => ({
      id,
      action: 'compare:wait',
    })),
  },
  once: {
    recovery: { strategy: 'none' },
    legacyRecovery: 'none',
    steps: [
      { id: 'prepare', action: 'compare:wait' },
      { id: 'effect', action: 'compare:wait' },
    ],
  },
  crash: {
    recovery: { strategy: 'idempotent' },
    legacyRecovery: 'startOver',
    steps: [
      { id: 'prepare', action: 'compare:wait' },
      { id: 'crash', action: 'compare:crash' },
    ],
  },
} satisfies Record<string, Template>;

export type TemplateName = keyof typeof TEMPLATES;

/**
 * Writes the files that the catalog reads.
 *
 * @param hasLegacyRecovery - whether they have the legacy `EXPERIMENTAL_recovery` as well
 */
export async function writeTemplates(
  directory: string,
  hasLegacyRecovery: boolean,
): Promise<void> {
  await fs.mkdir(directory);
  for (const [name, template] of Object.entries(TEMPLATES)) {
    const entity = templateEntity(name, template, hasLegacyRecovery);
    // JSON is YAML.
    await fs.writeFile(
      path.join(directory, `${name}.yaml`),
      JSON.stringify(entity),
    );
  }
}

function templateEntity(
  name: string,
  { recovery, legacyRecovery, steps }: Template,
  hasLegacyRecovery: boolean,
): JsonObject {
  return {
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    kind: 'Template',
    metadata: { name },
    spec: {
      type: 'compared',
      owner: 'guests',
      recovery,
      ...(hasLegacyRecovery && {
        EXPERIMENTAL_recovery: { EXPERIMENTAL_strategy: legacyRecovery },
      }),
      parameters: [
        {
          title: 'Parameters',
          properties: {
            name: { type: 'string' },
            hold: { type: 'string' },
            fail: { type: 'string' },
            ms: { type: 'array' },
          },
        },
      ],
      steps: steps.map(({ id, action, dependsOn }, index) => ({
        id,
        name: id,
        action,
        ...(dependsOn && { recovery: { dependsOn } }),
        input: {
          name: '${{ parameters.name }}',
          hold: '${{ parameters.hold }}',
          fail: '${{ parameters.fail }}',
          ms: `\${{ parameters.ms[${index}] }}`,
        },
      })),
    },
  };
}

import { templateEntity } from '../harness/templateEntity';

type Step = { id: string; action: string; dependsOn?: string[] };

/** Steps whose actions are named as they are. */
const steps = (...ids: string[]): Step[] => ids.map(id => ({ id, action: id }));

/** The same for all ways. What a way does not know it ignores. Its users want all of them to go on, but `once`. */
const TEMPLATES = {
  repository: [
    { id: 'fetch', action: 'fetch' },
    { id: 'transform', action: 'transform', dependsOn: ['fetch'] },
    { id: 'publish', action: 'publish', dependsOn: ['fetch', 'transform'] },
  ],
  'without-depends-on': steps('fetch', 'transform', 'publish'),
  notice: steps('fetch', 'notice', 'publish'),
  large: [
    { id: 'fill', action: 'fillLarge' },
    { id: 'change', action: 'changeLarge' },
    { id: 'publish', action: 'publishDigest' },
  ],
  steps: ['step1', 'step2', 'step3'].map(id => ({ id, action: 'wait' })),
  once: ['prepare', 'effect'].map(id => ({ id, action: 'wait' })),
  crash: [
    { id: 'prepare', action: 'wait' },
    { id: 'crash', action: 'crash' },
  ],
} satisfies Record<string, Step[]>;

export type TemplateName = keyof typeof TEMPLATES;

/**
 * The templates, as the catalog reads them.
 *
 * @param hasLegacyRecovery - whether they have the legacy `EXPERIMENTAL_recovery` as well, with what is nearest to their strategy
 */
export function templateEntities(hasLegacyRecovery: boolean) {
  return Object.entries<Step[]>(TEMPLATES).map(([name, template]) => {
    const mayRunAgain = name !== 'once';
    return templateEntity({
      name,
      recovery: { strategy: mayRunAgain ? 'idempotent' : 'none' },
      ...(hasLegacyRecovery && { legacy: mayRunAgain ? 'startOver' : 'none' }),
      steps: template.map(({ id, action, dependsOn }, index) => ({
        id,
        action: `compare:${action}`,
        ...(dependsOn && { recovery: { dependsOn } }),
        input: {
          name: '${{ parameters.name }}',
          hold: '${{ parameters.hold }}',
          fail: '${{ parameters.fail }}',
          ms: `\${{ parameters.ms[${index}] }}`,
        },
      })),
    });
  });
}

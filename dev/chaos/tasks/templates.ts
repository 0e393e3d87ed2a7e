import { templateEntity } from '../../harness/templateEntity';
import { FileSize } from './fileEdits';
import { CHAOS_ACTION, FILES_ACTION, POISON_LIMIT } from '../settings';

export const STRATEGIES = ['none', 'restart', 'idempotent'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export type ChaosTemplate = {
  name: string;
  strategy: Strategy;
  /** For each step the numbers of those that it depends on, counted from 0. */
  dependsOn: number[][];
  maxAttempts?: number;
  /** How often the process is aborted in each step. Never if it is not given. */
  crashes?: number[];
  /** How much its steps write, if they change files and check all that they find. */
  files?: FileSize;
};

/** Chains, a step that many need, a step that needs many, and steps that nobody needs. */
const DEPENDENCIES: Record<string, number[][]> = {
  3: [[], [0], [1]],
  4: [[], [], [0], [1, 2]],
  5: [[], [0], [], [1], [0, 3]],
};

/**
 * One for each strategy, for `idempotent` with `dependsOn`, and two whose steps change files without saying what they depend on, with
 * three, four and five steps.
 */
export const TEMPLATES: ChaosTemplate[] = Object.values(DEPENDENCIES).flatMap(
  dependsOn => {
    const count = dependsOn.length;
    const independent = dependsOn.map(() => []);
    return [
      ...STRATEGIES.map(strategy => ({
        name: `chaos-${strategy}-${count}`,
        strategy,
        dependsOn: independent,
      })),
      {
        name: `chaos-idempotent-depends-on-${count}`,
        strategy: 'idempotent' as const,
        dependsOn,
      },
      ...(['small', 'large'] as const).map(files => ({
        name: `chaos-${files}-files-${count}`,
        strategy: 'idempotent' as const,
        dependsOn: independent,
        files,
      })),
    ];
  },
);

/** Tasks that end their process again and again, in their second step. */
export const POISONED_TEMPLATES: ChaosTemplate[] = (
  ['restart', 'idempotent'] as const
).map(strategy => ({
  name: `chaos-poisoned-${strategy}-3`,
  strategy,
  dependsOn: DEPENDENCIES[3],
  maxAttempts: POISON_LIMIT,
  crashes: [0, Infinity, 0],
}));

/** The secret that a task with such a name is started with. */
export function secretOf(taskName: string): string {
  return `secret-of-${taskName}`;
}

/** The output of a step in a task with such a name. */
export function tokenOf(taskName: string, stepId: string): string {
  return `${taskName}/${stepId}`;
}

/** A template, as the catalog reads it. */
export function entityOf(template: ChaosTemplate) {
  const { name, strategy, dependsOn, maxAttempts, crashes, files } = template;
  const ids = dependsOn.map((_, index) => `step${index + 1}`);
  return templateEntity({
    name,
    recovery: { strategy, ...(maxAttempts && { maxAttempts }) },
    steps: ids.map((id, index) => {
      const dependencies = dependsOn[index].map(i => ids[i]);
      const earlier = ids.slice(0, index);
      const input = {
        ms: `\${{ parameters.ms[${index}] }}`,
        name: '${{ parameters.name }}',
        outputs: Object.fromEntries(
          earlier.map(e => [e, `\${{ steps.${e}.output.token }}`]),
        ),
        secret: '${{ secrets.chaos }}',
      };
      return {
        id,
        ...(dependencies.length > 0 && {
          recovery: {
            // Both forms that a template may use.
            dependsOn:
              dependencies.length === 1 ? dependencies[0] : dependencies,
          },
        }),
        ...(files
          ? {
              action: FILES_ACTION,
              input: { ...input, place: index, size: files },
            }
          : {
              action: CHAOS_ACTION,
              input: {
                ...input,
                // Where all steps run in every run, each finds the files of all before it.
                needs: strategy === 'idempotent' ? dependencies : earlier,
                beginsEmpty: strategy !== 'idempotent',
                crashes: Math.min(
                  crashes?.[index] ?? 0,
                  Number.MAX_SAFE_INTEGER,
                ),
              },
            }),
      };
    }),
  });
}

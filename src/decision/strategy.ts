import { z } from 'zod';
import { isBlock, Problem } from '../template/dependencies';
import { strategySchema, templateRecoverySchema } from '../template/schema';
import { validateRecovery } from '../template/validateTemplate';
import { listed, shortened } from '../util/shown';

/** What a template wants to happen to its interrupted tasks. */
export type Strategy = z.infer<typeof strategySchema>;

/** A task's strategy and where it came from. */
export type TaskStrategy = {
  strategy: Strategy;
  /**
   * - `template`: from `spec.recovery.strategy`
   * - `legacy`: from `EXPERIMENTAL_recovery`, and `spec.recovery` is not set
   * - `default`: neither is set
   * - `invalid`: `spec.recovery` is invalid
   * - `gone`: the catalog has no such template
   */
  source: 'template' | 'legacy' | 'default' | 'invalid' | 'gone';
  /** For logs: why the strategy is not what the author may expect. */
  remark?: string;
  /** How often a task may be recovered in a row without progress, if the template sets it. */
  maxAttempts?: number;
};

// `EXPERIMENTAL_strategy` has the values `none` and `startOver` in @backstage/plugin-scaffolder-common 2.3.0.
const legacySchema = z.object({
  EXPERIMENTAL_strategy: z.literal('startOver'),
});

/**
 * The strategy that a template asks for.
 *
 * @param templateRef - the entity reference, for the remark
 * @param spec - the template's spec as the catalog has it, or nothing if the catalog has no such template
 */
export function strategyOfTemplate(
  templateRef: string,
  spec: Record<string, unknown> | undefined,
): TaskStrategy {
  if (!spec) {
    return {
      strategy: 'none',
      source: 'gone',
      remark: `${shortened(templateRef)} is not in the catalog, so its strategy is not known and counts as 'none'`,
    };
  }

  if (spec.recovery === undefined) {
    return legacySchema.safeParse(spec.EXPERIMENTAL_recovery).success
      ? { strategy: 'restart', source: 'legacy' }
      : { strategy: 'none', source: 'default' };
  }

  const problems = validateRecovery(spec.recovery);
  const block = isBlock(spec.recovery) ? spec.recovery : {};
  const { shape } = templateRecoverySchema;
  const strategy = shape.strategy.safeParse(block.strategy).data;
  if (!strategy) {
    return {
      strategy: 'none',
      ...(problems.length === 0
        ? { source: 'default' }
        : {
            source: 'invalid',
            remark: `${remarkOn(templateRef, problems)}. Its strategy counts as 'none'`,
          }),
    };
  }
  // Whatever is wrong beside the strategy must not cost the task its strategy.
  const limit = shape.maxAttempts.safeParse(block.maxAttempts);
  return {
    strategy,
    source: 'template',
    maxAttempts: limit.data,
    ...(problems.length > 0 && {
      remark: [
        remarkOn(templateRef, problems),
        ...(limit.success
          ? []
          : ['Instead, scaffolder.recoverTasksMaxAttempts applies']),
      ].join('. '),
    }),
  };
}

/** The first problem, and where the others are: a remark must be short. */
function remarkOn(templateRef: string, [first, ...others]: Problem[]): string {
  const places = others.map(({ path }) =>
    shortened(['spec', ...path].join('.')),
  );
  const more = places.length > 0 ? `. Also invalid: ${listed(places)}` : '';
  return `${shortened(templateRef)} is invalid: ${first.message}${more}`;
}

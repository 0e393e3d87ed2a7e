import { z } from 'zod';
import {
  MOST_ATTEMPTS,
  strategySchema,
  templateRecoverySchema,
} from '../template/schema';
import { listed, shortened, shown } from '../util/shown';

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

// Not strict: a key that is unknown must not cost the task its strategy.
const recoverySchema = templateRecoverySchema.pick({ strategy: true }).strip();

const KEYS = Object.keys(templateRecoverySchema.shape);

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

  const recovery = recoverySchema.safeParse(spec.recovery);
  if (!recovery.success) {
    return {
      strategy: 'none',
      source: 'invalid',
      remark: invalidRemark(templateRef, spec.recovery),
    };
  }
  if (recovery.data.strategy) {
    return {
      strategy: recovery.data.strategy,
      source: 'template',
      ...readLimit(templateRef, spec.recovery as Record<string, unknown>),
    };
  }
  // A block with other keys and no strategy most likely has a misspelt one.
  return Object.keys(spec.recovery as object).length === 0
    ? { strategy: 'none', source: 'default' }
    : {
        strategy: 'none',
        source: 'invalid',
        remark: invalidRemark(templateRef, spec.recovery),
      };
}

/** The limit of attempts. If it is invalid, or a key beside it unknown, the remark has it, and the strategy holds all the same. */
function readLimit(
  templateRef: string,
  recovery: Record<string, unknown>,
): Pick<TaskStrategy, 'maxAttempts' | 'remark'> {
  const limit = templateRecoverySchema.shape.maxAttempts.safeParse(
    recovery.maxAttempts,
  );
  if (!limit.success) {
    return {
      remark: `${shortened(templateRef)} has spec.recovery.maxAttempts ${shown(
        recovery.maxAttempts,
      )}; expected a whole number from 1 to ${MOST_ATTEMPTS}. Instead, scaffolder.recoverTasksMaxAttempts applies`,
    };
  }
  const unknown = Object.keys(recovery).filter(key => !KEYS.includes(key));
  return {
    maxAttempts: limit.data,
    ...(unknown.length > 0 && {
      remark: `${shortened(templateRef)} has ${listed(
        unknown.map(key => `spec.recovery.${shortened(key)}`),
      )}, which is unknown; expected only ${KEYS.join(' and ')}`,
    }),
  };
}

function invalidRemark(templateRef: string, recovery: unknown): string {
  const isBlock =
    typeof recovery === 'object' && recovery !== null && 'strategy' in recovery;
  const key = isBlock ? 'spec.recovery.strategy' : 'spec.recovery';
  const found = shown(isBlock ? recovery.strategy : recovery);
  const expected = strategySchema.options.map(s => `'${s}'`).join(', ');
  return `${shortened(templateRef)} has ${key} ${found}; expected spec.recovery.strategy with one of ${expected}. It counts as 'none'`;
}

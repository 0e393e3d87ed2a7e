import { z } from 'zod';

/** More than that is no limit, and would not fit into the column. */
export const MOST_ATTEMPTS = 1_000_000;

export const strategySchema = z
  .enum(['none', 'restart', 'idempotent'])
  .describe(
    'What happens to a task that a restart of Backstage interrupted. none: it is closed as failed. restart: it runs again from its first step. idempotent: it goes on at the interrupted step, and of the finished steps those run again that a step still to run depends on.',
  );

export const maxAttemptsSchema = z
  .number()
  .int()
  .min(1)
  .max(MOST_ATTEMPTS)
  .describe(
    'How often a task is recovered in a row without getting any further, instead of scaffolder.recoverTasksMaxAttempts.',
  );

/** `spec.recovery` of a template. */
export const templateRecoverySchema = z
  .object({
    strategy: strategySchema.optional(),
    maxAttempts: maxAttemptsSchema.optional(),
  })
  .strict();

/** `recovery` of a step. Strict: a misspelt `dependsOn` that counted as none would let a step run without its files. */
export const stepRecoverySchema = z
  .object({
    dependsOn: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe(
        'The id of an earlier step, or a list of them, whose files this step needs. With the strategy idempotent they run again if this step runs after an interruption.',
      ),
  })
  .strict();

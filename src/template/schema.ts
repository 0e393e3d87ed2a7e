import { z } from 'zod';

/** More than that is no limit, and would not fit into the column. */
export const MOST_ATTEMPTS = 1_000_000;

/** `spec.recovery.strategy` of a template. */
export const strategySchema = z
  .enum(['none', 'restart', 'idempotent'])
  .describe(
    'What happens to an interrupted task. none: it is closed as failed. restart: it runs again from its first step, in an empty workspace. idempotent: it goes on at the interrupted step, with the files and outputs of the finished steps; those that a step still to run depends on run again.',
  );

const maxAttemptsSchema = z
  .number()
  .int()
  .min(1)
  .max(MOST_ATTEMPTS)
  .describe(
    'How often a task is recovered in a row without progress, instead of scaffolder.recoverTasksMaxAttempts.',
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
        'The id of an earlier step, or a list of ids. With the strategy idempotent, those steps run again if this step runs after an interruption.',
      ),
  })
  .strict();

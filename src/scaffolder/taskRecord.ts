import { z } from 'zod';
import { inQuotes } from '../util/shown';

const stepSchema = z.object({
  id: z.string(),
  name: z.string().optional().catch(undefined),
  /** As the template's author wrote it: see `plan.ts` for what is allowed. */
  recovery: z.unknown().optional(),
});

const specSchema = z.object({
  steps: z.array(stepSchema),
  templateInfo: z
    .object({ entityRef: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/** What is read of a task's spec, which holds the template's steps as they were when the task was started. */
export type TaskSpec = z.infer<typeof specSchema>;
/** A step of a task, as it was when the task was started. */
export type TaskStep = z.infer<typeof stepSchema>;

// The shape is that of `saveTaskState` in DatabaseTaskStore of @backstage/plugin-scaffolder-backend 4.2.0. Checkpoints
// and whatever else is in there are kept as they are.
const recordSchema = z.object({
  state: z
    .object({
      steps: z
        .record(
          z.string(),
          z
            .object({ status: z.string(), output: z.unknown().optional() })
            .passthrough()
            .nullable()
            // No record that the scaffolder writes; to its worker such a step has not finished either.
            .catch(null),
        )
        .nullish(),
    })
    .passthrough()
    .nullish(),
});

/** What the scaffolder recorded of a task's course. */
export type TaskRecord = z.infer<typeof recordSchema>;

/** What the scaffolder recorded of the steps that finished, by the steps' ids. */
export type StepRecords = Record<
  string,
  { status: string; output?: unknown } | null
>;

/**
 * Reads a stored spec.
 *
 * @throws Error that says what is wrong with it.
 */
export function parseTaskSpec(text: string): TaskSpec {
  return parse('spec', specSchema, text);
}

/**
 * What `stringifyEntityRef` of the catalog model makes of a template, which is what the scaffolder writes into a spec. Without control and
 * half characters, for which the catalog would fail.
 */
const TEMPLATE_REF =
  /^template:[^:/\s\p{Cc}\p{Surrogate}]+\/[^:/\s\p{Cc}\p{Surrogate}]+$/iu;

/** The template that a task was started from, if its spec names one. */
export function templateRefOf(spec: TaskSpec): string | undefined {
  const ref = spec.templateInfo?.entityRef;
  return ref && TEMPLATE_REF.test(ref) ? ref : undefined;
}

/** The template that a stored spec names, if it can be read and names one. */
export function readTemplateRef(text: string): string | undefined {
  try {
    return templateRefOf(parseTaskSpec(text));
  } catch {
    // What is wrong with the spec is logged when the task is decided on.
    return undefined;
  }
}

/**
 * Reads a stored state. No state is an empty one.
 *
 * @throws Error that says what is wrong with it.
 */
export function parseTaskRecord(text: string | null): TaskRecord {
  return text ? parse('state', recordSchema, text) : {};
}

/** Whether a worker can read a stored spec and state. */
export function isReadable(spec: string, state: string | null): boolean {
  try {
    parseTaskSpec(spec);
    parseTaskRecord(state);
    return true;
  } catch {
    return false;
  }
}

/** The records of a task's steps. */
export function stepRecords(record: TaskRecord): StepRecords {
  return record.state?.steps ?? {};
}

/**
 * The state to store so that only the given steps count as finished. Checkpoints stay: they guard effects outside the
 * workspace.
 */
export function keepStepRecords(
  record: TaskRecord,
  stepIds: string[],
): string | null {
  if (!record.state) {
    return null;
  }
  const keep = new Set(stepIds);
  const steps = Object.fromEntries(
    Object.entries(stepRecords(record)).filter(([id]) => keep.has(id)),
  );
  return JSON.stringify({ ...record, state: { ...record.state, steps } });
}

function parse<T>(what: string, schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold parameters.
    throw new Error(`its ${what} is not valid JSON`);
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const { path, message } = result.error.issues[0];
    throw new Error(
      `its ${what} is wrong at ${inQuotes(path.join('.'))}: ${message}`,
    );
  }
  return result.data;
}

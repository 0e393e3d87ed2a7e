import { didYouMean } from './didYouMean';
import { stepRecoverySchema } from './schema';
import { inQuotes, listed, quoted, shortened, shown } from '../util/shown';

/** A step of a template, or of a task that was started from it. */
export type Step = {
  id: string;
  action?: string;
  input?: unknown;
  /** The condition on which it runs. */
  if?: unknown;
  /** As the template's author wrote it. */
  recovery?: unknown;
};

/** Something in a template that is invalid. */
export type Problem = {
  /** Where, relative to what was checked. */
  path: (string | number)[];
  /** What was found, and what is expected. */
  message: string;
};

/**
 * Reads which steps depend on which, directly.
 *
 * @returns the ids that each step depends on, if any, and what is wrong with the recovery blocks, with paths such as
 *   `[1, 'recovery', 'dependsOn', 0]`. If anything is, the dependencies are not to be used.
 */
export function readDependencies(steps: Step[]): {
  dependencies: Map<string, string[]>;
  problems: Problem[];
} {
  const problems: Problem[] = [];
  const blocks = steps.map(readBlock);
  // What steps with one id depend on counts together: which of them ran is not known.
  const dependencies = new Map<string, string[]>();
  steps.forEach(({ id }, i) => {
    const { stepIds } = blocks[i];
    if (stepIds.length > 0) {
      const others = dependencies.get(id) ?? [];
      dependencies.set(id, [...new Set([...others, ...stepIds])]);
    }
  });
  steps.forEach((step, i) => {
    problems.push(
      ...blocks[i].problems.map(p => ({
        ...p,
        path: [i, 'recovery', ...p.path],
      })),
    );
    const isList = Array.isArray(dependsOnOf(step));
    blocks[i].stepIds.forEach((id, k) => {
      const wrong = wrongWith(id, i, { steps, dependencies });
      if (wrong) {
        problems.push({
          path: [i, 'recovery', 'dependsOn', ...(isList ? [k] : [])],
          message: `Step ${inQuotes(step.id)} ${wrong}`,
        });
      }
    });
  });
  return { dependencies, problems };
}

/** Adds to the ids of steps those of all that they depend on, directly or through others. Returns the same set. */
export function addDependencies(
  ids: Set<string>,
  dependencies: Map<string, string[]>,
): Set<string> {
  // A set also comes by what is added to it meanwhile.
  for (const id of ids) {
    dependencies.get(id)?.forEach(dependency => ids.add(dependency));
  }
  return ids;
}

function dependsOnOf({ recovery }: Step): unknown {
  return (recovery as { dependsOn?: unknown } | undefined)?.dependsOn;
}

function readBlock(step: Step): { stepIds: string[]; problems: Problem[] } {
  const { id, recovery } = step;
  if (recovery === undefined || recovery === null) {
    return { stepIds: [], problems: [] };
  }
  const parsed = stepRecoverySchema.safeParse(recovery);
  if (parsed.success) {
    return { stepIds: [parsed.data.dependsOn ?? []].flat(), problems: [] };
  }
  const expected =
    'expected recovery.dependsOn with the id of a step or a list of ids';
  if (!isBlock(recovery)) {
    const message = `Step ${inQuotes(id)} has recovery ${shown(recovery)}; ${expected}`;
    return { stepIds: [], problems: [{ path: [], message }] };
  }
  const problems = unknownKeys(recovery, ['dependsOn']).map(
    ({ key, hint }): Problem => ({
      path: [key],
      message: `Step ${inQuotes(id)} has recovery.${shortened(key)}, which is unknown${hint || ';'} ${
        hint ? 'Expected' : 'expected'
      } 'dependsOn'`,
    }),
  );
  if (problems.length === 0) {
    problems.push({
      path: ['dependsOn'],
      message: `Step ${inQuotes(id)} has recovery.dependsOn ${shown(recovery.dependsOn)}; ${expected}`,
    });
  }
  return { stepIds: [], problems };
}

/** Whether a value is a block of keys, and neither a list nor null. */
export function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const MOST_HINTS = 20;

/** The unknown keys of a block, each with what may have been meant. */
export function unknownKeys(
  block: Record<string, unknown>,
  known: string[],
): { key: string; hint: string }[] {
  return Object.keys(block)
    .filter(key => !known.includes(key))
    .map((key, i) => ({
      key,
      // Nobody reads more of them, and each takes microseconds: a template of a megabyte may have 100,000.
      hint: i < MOST_HINTS ? didYouMean(key, known) : '',
    }));
}

/** What is wrong with a step's dependency, if anything. */
function wrongWith(
  id: string,
  place: number,
  template: { steps: Step[]; dependencies: Map<string, string[]> },
): string | undefined {
  const { steps, dependencies } = template;
  // Several steps may have one id, with conditions that exclude each other. Then the first is the one to depend on.
  const other = steps.findIndex(s => s.id === id);
  if (other !== -1 && other < place) {
    return undefined;
  }
  const earlier = steps.slice(0, place).map(s => s.id);
  const expected =
    earlier.length > 0
      ? `expected ${earlier.length > 1 ? 'one of the steps' : 'the step'} before it: ${quoted(earlier)}`
      : 'the first step cannot depend on another';
  if (other === -1) {
    const hint = didYouMean(id, earlier);
    return `depends on ${inQuotes(id)}, which is not a step of this template${hint || ';'} ${
      hint ? capitalized(expected) : expected
    }`;
  }
  if (other === place) {
    return `depends on itself; ${expected}`;
  }
  const circle = wayFrom(id, steps[place].id, dependencies);
  return circle
    ? `depends on ${inQuotes(id)}, which comes after it and depends on it in turn (${listed(
        [steps[place].id, ...circle].map(shortened),
        ' → ',
      )}); ${expected}`
    : `depends on ${inQuotes(id)}, which comes after it; ${expected}`;
}

/** The steps from one to another along the dependencies, both included. Nothing if there is no way. */
function wayFrom(
  from: string,
  to: string,
  dependencies: Map<string, string[]>,
  seen = new Set<string>(),
): string[] | undefined {
  if (from === to) {
    return [from];
  }
  seen.add(from);
  for (const next of dependencies.get(from) ?? []) {
    const way = seen.has(next)
      ? undefined
      : wayFrom(next, to, dependencies, seen);
    if (way) {
      return [from, ...way];
    }
  }
  return undefined;
}

function capitalized(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

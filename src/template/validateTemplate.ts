import {
  isBlock,
  Problem,
  readDependencies,
  Step,
  unknownKeys,
} from './dependencies';
import {
  MOST_ATTEMPTS,
  strategySchema,
  templateRecoverySchema,
} from './schema';
import { quoted, shortened, shown } from '../util/shown';

/**
 * Finds what is wrong with the recovery blocks of a template: its own and those of its steps. A template without one of its own is
 * fine whatever its steps have: nothing reads that.
 *
 * @param spec - the template's spec, however wrong the rest of it is
 * @returns what is wrong, with paths from the spec on, such as `['recovery', 'strategy']`.
 */
export function validateTemplate(spec: unknown): Problem[] {
  if (!isBlock(spec) || !('recovery' in spec)) {
    return [];
  }
  const { problems } = readDependencies(stepsOfTemplate(spec));
  return [
    ...validateRecovery(spec.recovery),
    ...problems.map(p => ({ ...p, path: ['steps', ...p.path] })),
  ];
}

/** The steps of a template, with the ids that the scaffolder gives to those without (`router`, 4.2.0). */
export function stepsOfTemplate(spec: Record<string, unknown>): Step[] {
  const steps = Array.isArray(spec.steps) ? spec.steps : [];
  return steps.map((step, i): Step => {
    const {
      id,
      action,
      input,
      if: condition,
      recovery,
    } = isBlock(step) ? step : {};
    return {
      id: typeof id === 'string' ? id : `step-${i + 1}`,
      action: typeof action === 'string' ? action : undefined,
      input,
      if: condition,
      recovery,
    };
  });
}

const STRATEGIES = `one of ${quoted(strategySchema.options)}`;

/** What is wrong with `spec.recovery`, with paths from the spec on. What is wrong with the values of keys comes before keys that are unknown. */
export function validateRecovery(recovery: unknown): Problem[] {
  if (!isBlock(recovery)) {
    return [
      {
        path: ['recovery'],
        message: `spec.recovery is ${shown(recovery)}; expected a block with a strategy, ${STRATEGIES}`,
      },
    ];
  }
  const { shape } = templateRecoverySchema;
  const problems: Problem[] = [];
  if (!shape.strategy.safeParse(recovery.strategy).success) {
    problems.push({
      path: ['recovery', 'strategy'],
      message: `spec.recovery.strategy is ${shown(recovery.strategy)}; expected ${STRATEGIES}`,
    });
  }
  if (!shape.maxAttempts.safeParse(recovery.maxAttempts).success) {
    problems.push({
      path: ['recovery', 'maxAttempts'],
      message: `spec.recovery.maxAttempts is ${shown(recovery.maxAttempts)}; expected a whole number from 1 to ${MOST_ATTEMPTS}`,
    });
  }
  const keys = Object.keys(shape);
  for (const { key, hint } of unknownKeys(recovery, keys)) {
    problems.push({
      path: ['recovery', key],
      message: `spec.recovery.${shortened(key)} is unknown${hint || ';'} ${
        hint ? 'Expected' : 'expected'
      } one of ${quoted(keys)}`,
    });
  }
  if (
    problems.length === 0 &&
    recovery.strategy === undefined &&
    Object.keys(recovery).length > 0
  ) {
    problems.push({
      path: ['recovery'],
      message: `spec.recovery has no strategy; expected ${STRATEGIES}`,
    });
  }
  return problems;
}

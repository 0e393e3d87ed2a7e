import { StepProgress } from './progress';

/** The files that a run begins with. */
export type RunFiles =
  | { kind: 'empty' }
  /** As they were when a step had ended. */
  | { kind: 'snapshot'; number: number; stepId: string }
  /** There is no snapshot of how they were when a step had ended. The workspace is empty. */
  | { kind: 'missing'; stepId: string; problem?: string };

/**
 * The files as they were just before a step, by the snapshots at the ends of the steps before it.
 *
 * @param place - of the first step that runs: those before it have finished, or were skipped for their `if`
 */
export function filesBefore(
  progress: Pick<StepProgress, 'id' | 'state' | 'files'>[],
  place: number,
): RunFiles {
  for (const { id, state, files } of progress.slice(0, place).reverse()) {
    if (state === 'skipped') {
      continue;
    }
    if (files?.snapshot !== undefined) {
      return { kind: 'snapshot', number: files.snapshot, stepId: id };
    }
    if (files?.changed !== false) {
      return { kind: 'missing', stepId: id, problem: files?.problem };
    }
  }
  return { kind: 'empty' };
}

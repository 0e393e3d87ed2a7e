import { inQuotes, listed, quoted, shortened } from '../../util/shown';
import { Plan, StepAgain } from '../plan/plan';
import { RunFiles } from '../plan/runFiles';

/**
 * For the task's log: where an idempotent task goes on, and with which steps.
 *
 * @param at - the step that the text is shown under
 */
export function planSentences(
  { skipped, again, warning, goesOnAt, files }: Plan,
  at: string | undefined,
): string {
  const where =
    goesOnAt === at ? 'this step' : `step ${inQuotes(goesOnAt ?? '')}`;
  return [
    `Its template has the recovery strategy 'idempotent': the task goes on at ${where}.`,
    ...(skipped.length
      ? [
          `Skipped, with their outputs restored: ${listed(skipped.map(shortened))}.`,
        ]
      : []),
    ...(again.length
      ? [
          `Finished, but run again: ${listed(again.map(a => shortened(a.stepId)))}.`,
        ]
      : []),
    ...(files ? [filesSentence(files)] : []),
    ...(warning ? [`${warning}.`] : []),
  ].join(' ');
}

/** For the backend's log: which steps a plan skips and runs again, why, and with which files it begins. */
export function planParts({ skipped, again, files, warning }: Plan): string[] {
  return [
    `skipped: ${listed(skipped.map(shortened)) || 'none'}`,
    `run again: ${
      listed(again.map(a => `${shortened(a.stepId)} (${because(a)})`)) || 'none'
    }`,
    ...(files ? [`files: ${filesPart(files)}`] : []),
    ...(warning ? [warning] : []),
  ];
}

function filesSentence(files: RunFiles): string {
  switch (files.kind) {
    case 'snapshot':
      return `The run begins with the files as of the end of step ${inQuotes(files.stepId)}.`;
    case 'missing':
      return `The run begins in an empty workspace, because there is no snapshot of the end of step ${inQuotes(files.stepId)}${
        files.problem ? `: ${files.problem}` : ''
      }.`;
    default:
      return 'The run begins in an empty workspace.';
  }
}

/** What is shown of the files that a run begins with. */
type FilesShown = {
  kind: RunFiles['kind'];
  stepId?: string;
  problem?: string;
};

/** The files that a run begins with, in short. */
export function filesPart({ kind, stepId = '', problem }: FilesShown): string {
  switch (kind) {
    case 'snapshot':
      return `as of the end of ${inQuotes(stepId)}`;
    case 'missing':
      return `none, no snapshot of the end of ${inQuotes(stepId)}${
        problem ? `: ${problem}` : ''
      }`;
    default:
      return 'none';
  }
}

/** Why a finished step runs again, as the end of a sentence. */
export function because({ because: reason }: StepAgain): string {
  switch (reason.kind) {
    case 'neededBy':
      return `${quoted(reason.stepIds)} ${
        reason.stepIds.length > 1 ? 'depend' : 'depends'
      } on it`;
    case 'noOutput':
      return 'its output was not recorded';
    case 'restart':
      return `the strategy is 'restart'`;
    case 'afterFailed':
      return `it ran after the failure of ${inQuotes(reason.stepId)}, which runs again`;
    case 'sharedId':
      return 'another step with the same id had not finished';
    case 'filesLost':
      return 'the run begins with the files from before it';
    case 'noSnapshot':
      return 'its files are gone, and no step has a dependsOn';
    default:
      return 'the dependencies between the steps are invalid';
  }
}

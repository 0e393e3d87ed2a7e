import { StepAgainRecord } from '../database/operations/attempts/recordAttempts';
import { StepAgain } from '../decision/plan/plan';

/** A finished step that runs again, as the record and the API show it. */
export function stepAgainRecord({
  stepId,
  because,
}: StepAgain): StepAgainRecord {
  return {
    stepId,
    because: because.kind,
    ...(because.kind === 'neededBy' && { neededBy: because.stepIds }),
    ...(because.kind === 'afterFailed' && { failedStep: because.stepId }),
  };
}

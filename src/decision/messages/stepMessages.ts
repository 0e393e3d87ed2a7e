import { Plan } from '../plan/plan';
import { formatTime } from './format';
import { because } from './planMessages';
import { reasonOf, Requeued, Silence } from './reason';

/** A line in the task's own log. The UI shows it only under a step. */
export type StepMessage = { stepId: string; message: string };

/** For the log of a task that runs again: why it was interrupted, how it goes on, and why finished steps run again. */
export function stepMessages(
  decision: Requeued,
  silence: Silence & { signInExpiredAt?: Date },
): StepMessage[] {
  const { interruptedAt } = decision;
  const plan = 'plan' in decision ? decision.plan : undefined;
  const goesOnAt = plan ? plan.goesOnAt : interruptedAt;
  return [
    ...(interruptedAt
      ? [{ stepId: interruptedAt, message: reasonOf({ decision, silence }) }]
      : []),
    ...(silence.signInExpiredAt && goesOnAt
      ? [
          {
            stepId: goesOnAt,
            message: signInWarning(silence.signInExpiredAt),
          },
        ]
      : []),
    ...(plan ? againMessages(plan) : []),
  ];
}

/** What is shown under finished steps that run again. */
export function againMessages({ again }: Plan): StepMessage[] {
  return again.map(step => ({
    stepId: step.stepId,
    message: `This step had finished and runs again, because ${because(step)}.`,
  }));
}

function signInWarning(expiredAt: Date): string {
  return `Warning: the sign-in that this task was started with expired at ${formatTime(
    expiredAt,
  )}. Steps that act on the user's behalf may fail. In that case, start the task again from its template.`;
}

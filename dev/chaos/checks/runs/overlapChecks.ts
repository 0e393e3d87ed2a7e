import type { TaskEvidence } from '../../evidence/epochs';
import { describe } from '../../evidence/runs';
import { Takeover, wasLeftAlive } from '../../evidence/takeovers';
import { Violation, violation } from '../violations';

export function checkOverlaps(
  { task, runs }: TaskEvidence,
  takeovers: Takeover[],
): Violation[] {
  const found: Violation[] = [];
  runs.forEach((run, index) => {
    for (const earlier of runs.slice(0, index)) {
      if (
        run.beganAt >= earlier.aliveUntil ||
        wasLeftAlive(earlier, takeovers) ||
        wasLeftAlive(run, takeovers)
      ) {
        continue;
      }
      found.push(
        violation('runsAtOnce', task, `${describe(earlier)}; ${describe(run)}`),
      );
      for (const a of earlier.steps) {
        const b = run.steps.find(
          s =>
            s.stepId === a.stepId &&
            s.beganAt < (a.endedAt ?? earlier.aliveUntil) &&
            a.beganAt < (s.endedAt ?? run.aliveUntil),
        );
        if (b) {
          found.push(
            violation(
              'stepTwiceAtOnce',
              task,
              `${a.stepId} began at ${a.beganAt} in run ${earlier.id} and at ${b.beganAt} in run ${run.id}`,
            ),
          );
        }
      }
    }
  });
  return found;
}

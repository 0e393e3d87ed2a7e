import { WrittenDecision } from '../../record/decidedTask';
import { decisionEvents } from './decisionEvents';

describe('decisionEvents', () => {
  const reason = 'Interrupted. It is closed.';
  const taskId = 'a-task';

  const closed = (
    decision: Pick<
      Extract<WrittenDecision['decision'], { kind: 'failed' | 'cancelled' }>,
      'kind' | 'runningSteps' | 'interruptedAt'
    >,
  ) =>
    decisionEvents({
      task: { id: taskId },
      decision: { because: { kind: 'none' }, ...decision },
      reason,
    } as WrittenDecision);

  const completion = (body: object) => ({ taskId, type: 'completion', body });
  const log = (body: object) => ({ taskId, type: 'log', body });
  const error = { name: 'InterruptedError', message: reason };

  it('ends each step that is still shown as running, and the task', () => {
    const message = reason.replace('. ', '.\n');
    const status = 'failed';
    expect(
      closed({
        kind: 'failed',
        runningSteps: ['one', 'two'],
        interruptedAt: 'one',
      }),
    ).toEqual([
      log({ message, stepId: 'one', status }),
      log({ message, stepId: 'two', status }),
      completion({ message: reason, error }),
    ]);
  });

  it('shows the reason between two steps without ending one', () => {
    expect(
      closed({ kind: 'failed', runningSteps: [], interruptedAt: 'two' }),
    ).toEqual([
      log({ message: expect.any(String), stepId: 'two' }),
      completion({ message: reason, error }),
    ]);
  });

  it('ends a task whose step is not known', () => {
    expect(closed({ kind: 'failed', runningSteps: [] })).toEqual([
      completion({ message: reason, error }),
    ]);
  });

  it('ends a cancelled task without an error', () => {
    expect(closed({ kind: 'cancelled', runningSteps: ['one'] })).toEqual([
      log({ message: expect.any(String), stepId: 'one', status: 'cancelled' }),
      completion({ message: reason }),
    ]);
  });
});

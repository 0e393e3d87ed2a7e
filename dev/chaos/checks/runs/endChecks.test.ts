import { STEP_FAILURE } from '../../settings';
import { check } from '../checks';
import {
  TASK,
  begin,
  end,
  event,
  attempt,
  Situation,
  evidence,
  kindsIn,
  wholeRun,
} from '../testEvidence';

describe('checks of the end of a task', () => {
  it('find a task that failed though it may run again, unless the module closed it', () => {
    const error = 'Connection terminated unexpectedly';
    const failures = (situation: Situation) =>
      check(evidence(situation)).violations.map(v => v.kind);
    const events = [{ ...event('completion', 19_000), error }];
    for (const strategy of ['restart', 'idempotent'] as const) {
      expect(failures({ task: { strategy }, events })).toEqual([
        'failedForDatabase',
      ]);
    }
    expect(failures({ task: { strategy: 'none' }, events })).toEqual([]);
    const attempts = [attempt(1, 'failed', 19_000)];
    const isPoisoned = true;
    expect(failures({ task: { isPoisoned }, events, attempts })).not.toContain(
      'failedForDatabase',
    );
  });

  it('allow a task that failed since its step fails by itself, if one of them was started again', () => {
    const failed = (failure: string, retriedAt?: number) =>
      check(
        evidence({
          task: { isFailing: true },
          journal: [
            begin('b', 'one', 20_000),
            { ...end('b', 'one', 21_000), kind: 'failure' },
          ],
          events: [{ ...event('completion', 21_100), error: failure }],
          retries: [
            {
              taskId: TASK,
              pid: 2,
              sentAt: 22_000,
              answeredAt: 23_000,
              answer: 'none',
              at: retriedAt,
            },
          ],
        }),
      ).violations.map(v => v.kind);
    expect(failed(STEP_FAILURE)).toEqual(['noRetry']);
    expect(failed(STEP_FAILURE, 22_500)).not.toContain('noRetry');
    expect(failed('Connection terminated')).toContain('failedForDatabase');
  });

  it.each(['open', 'processing'])('find a task that is still %s', status => {
    expect(kindsIn({ task: { status } })).toEqual(['notEnded']);
  });

  it('find secrets that were left', () => {
    expect(kindsIn({ task: { hasSecrets: true } })).toEqual(['secretsLeft']);
  });

  it('find a step that began after the task had ended', () => {
    expect(
      kindsIn({
        journal: wholeRun('b', 20_000),
        events: [event('completion', 20_250)],
      }),
    ).toEqual(['ranAfterEnd']);
  });
});

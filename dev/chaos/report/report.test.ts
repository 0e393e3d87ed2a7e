import { onInterruptions } from './outcome';
import { formatReport } from './report';
import { check } from '../checks/checks';
import {
  TASK,
  LIFETIMES,
  event,
  attempt,
  evidence,
  interruptedInFour,
  wholeRun,
} from '../checks/testEvidence';

describe('the report', () => {
  it('tells retries apart from decisions on interruptions', () => {
    const journal = wholeRun('b', 30_100);
    const lifetimes = LIFETIMES.map(l => ({ ...l, replica: 'first' }));
    const closing = {
      ...attempt(1, 'failed', 19_000),
      interruptedBy: 'crash',
    };
    const all = {
      ...evidence({
        task: { strategy: 'none', status: 'completed' },
        journal: [...interruptedInFour, ...journal],
        events: [
          event('completion', 19_000),
          event('recovered', 30_000),
          event('completion', 60_000),
        ],
        attempts: [
          closing,
          {
            ...attempt(2, 'restart', 30_000),
            trigger: 'retry',
            strategy: 'none',
          },
        ],
        retries: [
          {
            taskId: TASK,
            pid: 2,
            sentAt: 29_000,
            answeredAt: 31_000,
            answer: 'started',
            at: 30_000,
          },
        ],
      }),
      lifetimes,
    };
    const report = formatReport({
      options: {
        minutes: 1,
        seed: 1,
        poison: true,
        store: 'database',
        isEncrypted: false,
      },
      startedAt: 0,
      endedAt: 60_000,
      dispatchFailures: 0,
      evidence: all,
      waits: [],
      findings: check(all),
    });
    const rows = report
      .split('\n')
      .map(line => line.trim().split(/ {2,}/).join(' | '));
    const after = (title: string) =>
      rows.slice(rows.findIndex(row => row.startsWith(title)));
    // Restarts, resumptions, finishes, closings, cancellations, all, and what interrupted them.
    expect(after('Recoveries')).toContain(
      'none | 0 | 0 | 0 | 1 | 0 | 1 | 0 | 1 | 0 | 0',
    );
    const retries = after('Retries');
    expect(retries).toContain('answered | 1 | 1');
    // Retried, then how, not recorded, interrupted again, completed, failed again.
    expect(retries).toContain('closed | none | 1 | 1 | 0 | 0 | 0 | 0 | 1 | 0');
    expect(retries).toContain('all | 1 | 1');
    expect(onInterruptions(all)).toEqual([closing]);
  });
});

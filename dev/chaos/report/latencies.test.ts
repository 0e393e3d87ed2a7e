import { percentile } from '../../harness/percentile';
import { waitingLine } from '../../../src/decision/messages/logLines';
import { waitsIn } from '../evidence/logLines';
import {
  attendedMs,
  countDecisions,
  hasWaited,
  readLatencies,
} from './latencies';
import {
  TASK,
  LIFETIMES,
  begin,
  event,
  evidence,
  interruptedInFour,
} from '../checks/testEvidence';

describe('latencies', () => {
  it('last from the death of a process to the next step or the end', () => {
    const journal = [...interruptedInFour, begin('b', 'four', 25_000)];
    const events = [event('completion', 26_000)];
    expect(readLatencies(evidence({ journal, events }))).toEqual([
      {
        taskId: TASK,
        diedAt: 10_000,
        ms: 15_000,
        end: 'step',
        isPlanned: false,
      },
    ]);
    expect(
      readLatencies(evidence({ journal: interruptedInFour, events })),
    ).toMatchObject([{ diedAt: 10_000, ms: 16_000, end: 'closed' }]);
    expect(readLatencies(evidence({ journal: interruptedInFour }))).toEqual([]);
  });

  it('tell whether the process had been asked to end', () => {
    const journal = [...interruptedInFour, begin('b', 'four', 25_000)];
    const lifetimes = [
      { ...LIFETIMES[0], endedBy: 'SIGTERM, SIGKILL' },
      ...LIFETIMES.slice(1),
    ];
    expect(readLatencies(evidence({ journal, lifetimes }))).toMatchObject([
      { isPlanned: true },
    ]);
  });

  it('tell whether the task waited for an isolated final attempt, by the logs of the backends', () => {
    const at = '2026-11-25T10:00:00.123Z';
    const log = [
      `\u001b[2m${at}\u001b[22m \u001b[34mscaffolder\u001b[39m \u001b[32minfo\u001b[39m ${waitingLine(TASK)} \u001b[2m \u001b[22m`,
      `${at} scaffolder info Task other is interrupted`,
      `${at} scaffolder info ${waitingLine('other')}`,
    ].join('\n');
    const waits = waitsIn(log);
    expect(waits).toEqual([
      { taskId: TASK, at: Date.parse(at) },
      { taskId: 'other', at: Date.parse(at) },
    ]);

    const latency = { taskId: TASK, diedAt: Date.parse(at) - 5_000, ms: 6_000 };
    expect(hasWaited(latency, waits)).toBe(true);
    expect(hasWaited({ ...latency, ms: 4_000 }, waits)).toBe(false);
    expect(hasWaited({ ...latency, taskId: 'third' }, waits)).toBe(false);
    expect(hasWaited({ ...latency, diedAt: Date.parse(at) + 1 }, waits)).toBe(
      false,
    );
  });

  it('can be counted without the time in which no backend was up', () => {
    const latency = { diedAt: 10_000, ms: 20_000 };
    expect(
      attendedMs(latency, [
        { replica: 'first', readyAt: 14_000, exitedAt: 18_000 },
        { replica: 'first', readyAt: 2_000, exitedAt: 11_000 },
        { replica: 'first', readyAt: 15_000, exitedAt: 17_000 },
        // It was never ready.
        { replica: 'first', exitedAt: 26_000 },
        { replica: 'first', readyAt: 16_000, exitedAt: 20_000 },
        { replica: 'second', readyAt: 28_000 },
        { replica: 'first', readyAt: 31_000 },
      ]),
    ).toBe(1_000 + 6_000 + 2_000);
    expect(attendedMs(latency, [])).toBe(0);
    expect(attendedMs(latency, [{ replica: 'first', readyAt: 0 }])).toBe(
      20_000,
    );
  });

  it('can be counted without the time in which the only backend that was up was cut off', () => {
    const latency = { diedAt: 10_000, ms: 20_000 };
    const lifetimes = [
      { replica: 'first', readyAt: 0 },
      { replica: 'second', readyAt: 20_000 },
    ];
    const cut = {
      kind: 'cut' as const,
      target: 'first',
      startedAt: 12_000,
      endedAt: 25_000,
      during: [],
    };
    expect(attendedMs(latency, lifetimes, [cut])).toBe(2_000 + 10_000);
    expect(attendedMs(latency, lifetimes, [{ ...cut, kind: 'delay' }])).toBe(
      20_000,
    );
  });

  it('can be counted without the time in which the database was away, too', () => {
    const latency = { diedAt: 10_000, ms: 20_000 };
    const lifetimes = [
      { replica: 'first', readyAt: 0, exitedAt: 16_000 },
      { replica: 'first', readyAt: 20_000, exitedAt: 29_000 },
    ];
    expect(
      attendedMs(
        latency,
        lifetimes,
        [],
        [
          { startedAt: 1_000, endedAt: 11_000 },
          { startedAt: 14_000, endedAt: 21_000 },
          { startedAt: 15_000, endedAt: 22_000 },
          { startedAt: 28_000 },
        ],
      ),
    ).toBe(3_000 + 6_000);
  });

  it('tell how often the task was decided on in their time', () => {
    const latency = { taskId: TASK, diedAt: 10_000, ms: 20_000 };
    const attempts = [
      { taskId: TASK, at: 9_000 },
      { taskId: TASK, at: 15_000 },
      { taskId: 'another', at: 16_000 },
      { taskId: TASK, at: 30_000 },
      { taskId: TASK, at: 31_000 },
    ];
    expect(countDecisions(latency, attempts)).toBe(2);
  });

  it('have percentiles', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.95)).toBe(95);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([], 0.5)).toBeUndefined();
  });
});

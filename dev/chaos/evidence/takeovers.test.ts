import { check } from '../checks/checks';
import type { Evidence } from './evidence';
import type { Fault } from '../faults/FaultInjector';
import type { FaultKind } from '../faults/faultPlan';
import { JournalEntry } from '../../harness/actions/journal';
import type { AttemptRecord } from './records';
import { TIMEOUT_SECONDS } from '../settings';

const TASK = 'task';
const LIFETIMES = [
  { replica: 'first', pid: 1, startedAt: 0 },
  { replica: 'second', pid: 2, startedAt: 0 },
];

const during = (
  runId: string,
  pid: number,
  stepId: string,
  from: number,
  to: number,
): JournalEntry[] =>
  (['begin', 'end'] as const).map(kind => ({
    kind,
    at: kind === 'begin' ? from : to,
    pid,
    taskId: TASK,
    stepId,
    runId,
    problems: [],
  }));

const fault = (
  kind: FaultKind,
  startedAt: number,
  endedAt: number,
  target = 'first',
): Fault => ({ kind, target, startedAt, endedAt, during: [] });

type Decided = Pick<AttemptRecord, 'at' | 'secondsSilent' | 'interruptedBy'>;

/** The first backend runs a step until 60 s. The task is decided on meanwhile, and the second one runs it as well. */
function findings(decided: Decided, faults: Fault[]) {
  return check(evidence(decided, faults));
}

function evidence(decided: Decided, faults: Fault[]): Evidence {
  return {
    tasks: [
      {
        id: TASK,
        template: 'chaos-restart-3',
        strategy: 'restart',
        status: 'completed',
        hasSecrets: false,
        isPoisoned: false,
        isFailing: false,
        steps: [{ id: 'one', dependsOn: [] }],
      },
    ],
    events: [],
    attempts: [
      {
        taskId: TASK,
        attempt: 1,
        trigger: 'interruption',
        decision: 'restart',
        strategy: 'restart',
        planned: false,
        skipped: [],
        again: [],
        ...decided,
      },
    ],
    retries: [],
    journal: [
      ...during('a', 1, 'one', 1_000, 60_000),
      ...during('b', 2, 'one', decided.at + 1_000, 70_000),
    ].sort((x, y) => x.at - y.at),
    lifetimes: LIFETIMES,
    faults,
    notStored: [],
    leftFiles: [],
  };
}

const kindsIn = (decided: Decided, faults: Fault[]) =>
  findings(decided, faults).violations.map(v => v.kind);

const TWO_RUNS = ['runsAtOnce', 'stepTwiceAtOnce', 'decidedOnOwnedRun'];

describe('two runs at once', () => {
  // Cut off at 10 s, half a second after its last heartbeat.
  const crash = { at: 16_000, secondsSilent: 6.5, interruptedBy: 'crash' };
  const silence = {
    at: 10_000 + TIMEOUT_SECONDS * 1000,
    secondsSilent: TIMEOUT_SECONDS + 0.5,
    interruptedBy: 'silence',
  };

  it('are a violation if nothing happened to the first', () => {
    expect(kindsIn(crash, [])).toEqual(TWO_RUNS);
    expect(kindsIn(silence, [])).toEqual(TWO_RUNS);
  });

  it('are allowed of a backend that is cut off with resets, and are counted', () => {
    const cut = fault('cut', 10_000, 18_000);
    expect(findings(crash, [cut])).toMatchObject({
      violations: [],
      takenOver: 1,
    });
    expect(kindsIn(silence, [cut])).toEqual([]);
  });

  it('are a violation if the wrong backend was cut off, or for too short a time', () => {
    expect(kindsIn(crash, [fault('cut', 10_000, 18_000, 'second')])).toEqual(
      TWO_RUNS,
    );
    expect(kindsIn(crash, [fault('cut', 10_000, 13_000)])).toEqual(TWO_RUNS);
    expect(kindsIn(crash, [fault('cut', 13_000, 18_000)])).toEqual(TWO_RUNS);
  });

  it('are a violation if the first was not silent for long enough, whatever happened to it', () => {
    const cut = fault('cut', 10_000, 18_000);
    expect(kindsIn({ ...crash, secondsSilent: 4.9 }, [cut])).toEqual(TWO_RUNS);
    expect(
      kindsIn({ at: 16_000, secondsSilent: 6.5, interruptedBy: 'silence' }, [
        cut,
      ]),
    ).toEqual(TWO_RUNS);
  });

  it.each(['blackHole', 'stop'] as const)(
    'are a violation if it counted as crashed in a %s, which leaves it its lock, and allowed after the timeout',
    kind => {
      const alone = fault(kind, 10_000, 30_000);
      expect(kindsIn(crash, [alone])).toEqual(TWO_RUNS);
      expect(kindsIn(silence, [alone])).toEqual([]);
      // The lock was lost right before that.
      const lock = fault('severLock', 9_900, 9_950);
      expect(kindsIn(crash, [alone, lock])).toEqual([]);
    },
  );

  it('are a violation if only its lock, or its connections were lost', () => {
    expect(kindsIn(crash, [fault('severLock', 10_000, 10_010)])).toEqual(
      TWO_RUNS,
    );
    expect(kindsIn(crash, [fault('sever', 10_000, 10_010)])).toEqual(TWO_RUNS);
  });

  it('are allowed if it lost its connections and no others were free', () => {
    const taken = fault('noConnections', 8_000, 18_000, 'PostgreSQL');
    expect(kindsIn(crash, [taken])).toEqual(TWO_RUNS);
    expect(
      kindsIn(crash, [fault('sever', 10_000, 10_010, 'first,second'), taken]),
    ).toEqual([]);
  });

  it('are allowed if several faults together kept it from PostgreSQL, without a gap', () => {
    const faults = [
      fault('cut', 10_000, 12_000),
      fault('stop', 12_500, 15_500),
    ];
    expect(kindsIn(crash, faults)).toEqual([]);
    expect(kindsIn(crash, [faults[0], fault('stop', 14_500, 15_500)])).toEqual(
      TWO_RUNS,
    );
  });

  it('do not come to pass if the first comes back before anybody has claimed the task, which is decided on again then', () => {
    const kinds = (faults: Fault[]) => {
      const of = evidence(silence, faults);
      const [first] = of.attempts;
      return check({
        ...of,
        // What it does last is to store its result, which fails.
        journal: [
          ...during('a', 1, 'one', 1_000, 9_000),
          ...during('b', 2, 'one', 41_000, 42_000),
        ],
        attempts: [
          first,
          { ...first, attempt: 2, at: 40_000, interruptedBy: 'connection' },
        ],
      }).violations.map(v => v.kind);
    };
    expect(kinds([fault('blackHoleReset', 10_000, 18_500)])).toEqual([]);
    expect(kinds([])).toEqual(['decidedTwice']);
    expect(kinds([fault('blackHoleReset', 10_000, 18_500, 'second')])).toEqual([
      'decidedTwice',
    ]);
  });
});

import { JournalEntry } from '../../../harness/actions/journal';
import {
  AttemptRecord,
  EventRecord,
  readRetries,
  RetryRecord,
} from '../../evidence/records';
import { POISONED_STEP, POISON_LIMIT } from '../../settings';
import { check } from '../checks';
import {
  TASK,
  LIFETIMES,
  begin,
  end,
  stored,
  event,
  attempt,
  afterOne,
  Situation,
  evidence,
  INDEPENDENT,
  kindsIn,
  interruptedInFour,
  storedUpToFour,
  ended,
  wholeRun,
} from '../testEvidence';

describe('checks of tasks that were started again after they had failed', () => {
  const answered = (at: number): RetryRecord => ({
    taskId: TASK,
    pid: 2,
    sentAt: at - 50,
    answeredAt: at + 50,
    answer: 'started',
    at,
  });
  const recorded = (
    number: number,
    of: Pick<AttemptRecord, 'decision' | 'strategy' | 'at'>,
  ): AttemptRecord => ({
    ...attempt(number, of.decision, of.at),
    ...of,
    trigger: 'retry',
  });
  const failed = (stepId: string, at: number): EventRecord => ({
    ...stored(stepId, at),
    status: 'failed',
    message: `Step ${stepId} failed`,
  });
  const failedEnd = (at: number): EventRecord => ({
    ...event('completion', at),
    error: 'so it was',
  });
  /** Closed at 19 s, since its process died in step `four` at 10 s. Started again at 30 s, when it had ended. */
  const closed = (
    strategy: 'none' | 'restart',
    further: Situation & { journal: JournalEntry[] },
  ): Situation => ({
    ...further,
    task: { strategy, status: 'completed', ...further.task },
    journal: [...interruptedInFour, ...further.journal],
    events: [
      ...storedUpToFour,
      failedEnd(19_000),
      event('recovered', 30_000),
      ...(further.events ?? [event('completion', 60_000)]),
    ],
    attempts: [
      attempt(1, 'failed', 19_000),
      recorded(2, { decision: 'restart', strategy, at: 30_000 }),
      ...(further.attempts ?? []),
    ],
    retries: further.retries ?? [answered(30_000)],
  });

  /** The same of a task that goes on, whose step `four` failed. */
  const resumed = (further: Situation): Situation => ({
    task: { status: 'completed' },
    journal: [
      ...ended('a', ['one', 'two', 'three'], 1_000),
      begin('a', 'four', 2_000),
      ...ended('b', ['two', 'three', 'four'], 30_100),
    ],
    events: [
      ...['one', 'two', 'three'].map((id, i) => stored(id, 1_091 + i * 100)),
      failed('four', 19_000),
      failedEnd(19_000),
      event('recovered', 30_000),
      event('completion', 60_000),
    ],
    attempts: [
      {
        ...recorded(1, {
          decision: 'resume',
          strategy: 'idempotent',
          at: 30_000,
        }),
        ...afterOne,
      },
    ],
    retries: [answered(30_000)],
    ...further,
  });

  it('take a run for over whose step failed by itself, though its process lives on', () => {
    const task = { isFailing: true, status: 'completed' };
    const journal = [
      ...ended('b', ['one', 'two', 'three'], 20_000),
      begin('b', 'four', 21_000),
      { ...end('b', 'four', 22_000), kind: 'failure' as const },
      ...ended('c', ['four'], 30_100),
    ];
    const again = { ...resumed({}), task, journal };
    expect(kindsIn(again)).not.toContain('runsAtOnce');
    const unended = journal.filter(e => e.kind !== 'failure');
    expect(kindsIn({ ...again, journal: unended })).toContain('runsAtOnce');
  });

  it('find nothing if they ran as promised', () => {
    const journal = wholeRun('b', 30_100);
    expect(kindsIn(closed('none', { journal }))).toEqual([]);
    expect(kindsIn(resumed({}))).toEqual([]);
  });

  it('find one with none that did not begin with its first step', () => {
    const journal = ended('b', ['four'], 30_100);
    expect(kindsIn(closed('none', { journal }))).toEqual([
      'noneNotFromFirst',
      'stepLeftOut',
    ]);
  });

  it('find one that completed without having run any step again', () => {
    expect(kindsIn(closed('none', { journal: [] }))).toEqual(['stepLeftOut']);
  });

  it('find one with none that ran on after a further interruption, though not if that closed it', () => {
    const lifetimes = [
      LIFETIMES[0],
      { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 40_000 },
      { replica: 'third', pid: 3, startedAt: 40_000 },
    ];
    const task = { status: 'failed' };
    const again = attempt(3, 'failed', 50_000);
    const interrupted = [begin('b', 'one', 30_100)];
    const events = [failedEnd(50_000)];
    expect(
      kindsIn(
        closed('none', {
          task,
          journal: interrupted,
          events,
          attempts: [again],
          lifetimes,
        }),
      ),
    ).toEqual([]);
    expect(
      kindsIn(
        closed('none', {
          task,
          journal: [
            ...interrupted,
            { ...begin('c', 'one', 45_000), pid: 3 },
            { ...end('c', 'one', 45_100), pid: 3 },
          ],
          events,
          attempts: [again],
          lifetimes,
        }),
      ),
    ).toEqual(['noneRanAgain']);
  });

  it('find one with none that ran twice before it was started again', () => {
    const lifetimes = [
      LIFETIMES[0],
      { replica: 'second', pid: 2, startedAt: 5_000 },
    ];
    expect(
      kindsIn(
        closed('none', {
          journal: [...ended('b', ['one'], 12_000), ...wholeRun('c', 30_100)],
          lifetimes,
        }),
      ),
    ).toEqual(['noneRanAgain']);
  });

  it('find one with restart that did not begin with its first step', () => {
    const journal = ended('b', ['four'], 30_100);
    expect(kindsIn(closed('restart', { journal }))).toEqual([
      // Nothing closes such a task for its first interruption, before the retry.
      'closedTooSoon',
      'restartNotFromFirst',
      'stepLeftOut',
    ]);
  });

  it('find a finished step that ran again and was not needed', () => {
    const journal = [
      ...(resumed({}).journal ?? []).slice(0, -6),
      ...wholeRun('b', 30_100),
    ];
    expect(kindsIn(resumed({ journal }))).toEqual([
      'finishedStepAgain',
      'recordNotKept',
      'recordFalse',
    ]);
  });

  it('allow all steps to run again if the strategy could not be looked up, and only then', () => {
    const journal = [
      ...(resumed({}).journal ?? []).slice(0, -6),
      ...wholeRun('b', 30_100),
    ];
    const told = (strategy: string | null) =>
      kindsIn(
        resumed({
          journal,
          attempts: [
            {
              ...recorded(1, { decision: 'restart', strategy, at: 30_000 }),
              again: ['one', 'two', 'three'],
              files: { kind: 'empty' },
            },
          ],
        }),
      );
    expect(told(null)).toEqual([]);
    expect(told('none')).toEqual(['finishedStepAgain', 'retryMisjudged']);
    expect(told('idempotent')).toEqual(['finishedStepAgain', 'retryMisjudged']);
  });

  it('find a later step that did not run again after one that had failed', () => {
    // In a second run, step `two` failed, which `four` needs. Step `three` had finished before. There are no snapshots to go back to.
    const steps = INDEPENDENT.map(step =>
      step.id === 'four' ? { ...step, dependsOn: ['two'] } : step,
    );
    const files = {
      kind: 'missing' as const,
      stepId: 'one',
      problem: 'too large',
    };
    const course = (
      ids: string[],
      told: EventRecord[],
      record: Partial<AttemptRecord> = { skipped: ['one'], again: ['three'] },
    ): Situation => ({
      task: { status: 'completed', steps },
      journal: [
        ...ended('a', ['one', 'two', 'three'], 1_000),
        begin('a', 'four', 2_000),
        begin('b', 'two', 15_000),
        ...ended('c', ids, 30_100),
      ],
      lifetimes: [
        LIFETIMES[0],
        { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 16_000 },
      ],
      events: [
        ...['one', 'two', 'three'].map((id, i) => stored(id, 1_091 + i * 100)),
        event('recovered', 14_000),
        ...told,
        failedEnd(19_000),
        event('recovered', 30_000),
        event('completion', 60_000),
      ],
      attempts: [
        {
          ...attempt(1, 'resume', 14_000),
          skipped: ['one', 'three'],
          again: ['two'],
          files,
        },
        {
          ...recorded(2, {
            decision: 'resume',
            strategy: 'idempotent',
            at: 30_000,
          }),
          files,
          ...record,
        },
      ],
      retries: [answered(30_000)],
    });
    const started = { ...stored('two', 15_000), status: 'processing' };
    const passedOver = { ...stored('three', 18_000), status: 'skipped' };
    for (const told of [
      [started, failed('two', 18_000)],
      // Its failure could not be written.
      [started, passedOver],
    ]) {
      expect(kindsIn(course(['two', 'three', 'four'], told))).toEqual([]);
      const leavingOut = { skipped: ['one', 'three'], again: [] };
      expect(kindsIn(course(['two', 'four'], told, leavingOut))).toEqual([
        'laterStepLeftOut',
      ]);
    }
    // It was interrupted, and has not failed.
    expect(kindsIn(course(['two', 'three', 'four'], [started]))).toEqual([
      'finishedStepAgain',
    ]);
  });

  it('find a run that was still alive when the task ran again', () => {
    const journal = [
      ...interruptedInFour,
      end('a', 'four', 35_000),
      ...wholeRun('b', 30_100),
    ];
    const lifetimes = [
      { replica: 'first', pid: 1, startedAt: 0 },
      LIFETIMES[1],
    ];
    expect(
      kindsIn({ ...closed('none', { journal: [] }), journal, lifetimes }),
    ).toEqual(expect.arrayContaining(['runsAtOnce', 'stepTwiceAtOnce']));
  });

  it('find a step that began after the end, before the task was started again and after', () => {
    const late = ended('b', ['one'], 25_000);
    expect(
      kindsIn({
        ...closed('restart', {
          journal: [...late, ...wholeRun('c', 30_100)],
        }),
      }),
    ).toContain('ranAfterEnd');
    expect(kindsIn(closed('none', { journal: wholeRun('b', 59_950) }))).toEqual(
      ['ranAfterEnd', 'ranAfterEnd', 'ranAfterEnd'],
    );
  });

  it('find one that was decided on after it had been closed again', () => {
    expect(
      kindsIn(
        closed('none', {
          journal: wholeRun('b', 30_100),
          attempts: [
            attempt(3, 'failed', 50_000),
            attempt(4, 'resume', 55_000),
          ],
        }),
      ),
    ).toEqual(['decidedAfterClosing']);
  });

  it('count the attempts of one that ends its process anew', () => {
    const tries = (count: number, from: number) =>
      Array.from({ length: count }, (_, i) => ({
        ...begin('a', POISONED_STEP, from + i * 1_000),
        pid: from + i,
        runId: `run-${from + i}`,
      }));
    const poisoned = (count: number): Situation => {
      const journal = [
        ...tries(POISON_LIMIT + 1, 1_000),
        ...tries(count, 30_000),
      ];
      return {
        task: {
          isPoisoned: true,
          strategy: 'restart',
          steps: [{ id: POISONED_STEP, dependsOn: [] }],
        },
        journal,
        lifetimes: journal.map(({ pid, at }) => ({
          replica: 'first',
          pid,
          startedAt: 0,
          exitedAt: at + 1,
        })),
        events: [
          failedEnd(19_000),
          event('recovered', 29_000),
          failedEnd(60_000),
        ],
        attempts: [
          recorded(1, {
            decision: 'restart',
            strategy: 'restart',
            at: 29_000,
          }),
        ],
        retries: [{ ...answered(29_000) }],
      };
    };
    expect(kindsIn(poisoned(POISON_LIMIT + 1))).toEqual([]);
    expect(kindsIn(poisoned(POISON_LIMIT + 2))).toEqual(['poisonNotStopped']);
  });

  it('find an expired sign-in that was told after a retry, which brings a new one', () => {
    const warning = {
      ...event('log', 45_000),
      message: 'Warning: the sign-in that this task was started with expired',
    };
    const situation = resumed({
      task: { status: 'completed', signInExpiredAt: 5_000 },
    });
    expect(kindsIn(situation)).toEqual([]);
    expect(
      kindsIn({
        ...situation,
        events: [...situation.events!, warning],
      }),
    ).toEqual(['expiryNotTold']);
  });

  it('count an end that was not stored once, before the retry and after it', () => {
    // That of step `three`, which ran again in a second run, and in a third one after the retry.
    const situation = resumed({});
    const journal = [
      ...(situation.journal ?? []).slice(0, -6),
      begin('b', 'three', 12_000),
      { ...begin('c', 'three', 30_100), pid: 3 },
    ];
    const events = situation
      .events!.filter(e => e.stepId !== 'three')
      .toSpliced(2, 0, event('recovered', 11_000));
    const lifetimes = [
      LIFETIMES[0],
      { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 13_000 },
      { replica: 'third', pid: 3, startedAt: 13_000 },
    ];
    const found = check(
      evidence({
        ...situation,
        task: { status: 'failed', steps: INDEPENDENT },
        journal,
        events,
        lifetimes,
        attempts: [],
        retries: [{ ...answered(30_000), answer: 'refused' }],
      }),
    );
    expect(found).toMatchObject({
      violations: [{ kind: 'failedForDatabase' }],
      unrecordedEnds: 1,
    });
  });

  it('find a retry that was answered and did not happen, but none that was not answered', () => {
    const { at, ...asked } = answered(30_000);
    expect(kindsIn({ retries: [asked] })).toEqual(['retryLost']);
    for (const answer of ['refused', 'none'] as const) {
      expect(kindsIn({ retries: [{ ...asked, answer }] })).toEqual([]);
    }
  });

  it('find a retry that was not recorded, unless its process died in that moment or was told that it had failed', () => {
    const lifetimes = (exitedAt?: number) => [
      LIFETIMES[0],
      { replica: 'second', pid: 2, startedAt: 5_000, exitedAt },
    ];
    const missing = (exitedAt?: number, answer = answered(30_000).answer) =>
      kindsIn(
        resumed({
          attempts: [],
          retries: [{ ...answered(30_000), answer }],
          lifetimes: lifetimes(exitedAt),
        }),
      );
    expect(missing()).toEqual(['retryNotRecorded']);
    expect(missing(60_000)).toEqual(['retryNotRecorded']);
    expect(missing(60_000, 'none')).toEqual(['retryNotRecorded']);
    expect(missing(31_000)).toEqual([]);
    expect(missing(60_000, 'refused')).toEqual([]);
  });

  it('hold what ran against the strategy also where the retry was not recorded', () => {
    const lifetimes = [
      LIFETIMES[0],
      { replica: 'second', pid: 2, startedAt: 5_000, exitedAt: 31_000 },
    ];
    const journal = [
      ...(resumed({}).journal ?? []).slice(0, -6),
      ...wholeRun('b', 30_100),
    ];
    expect(kindsIn(resumed({ attempts: [], journal, lifetimes }))).toEqual([
      'finishedStepAgain',
    ]);
  });

  it('find a retry that was recorded and did not happen, or was recorded twice', () => {
    const record = { ...resumed({}).attempts![0], skipped: [], again: [] };
    expect(kindsIn({ attempts: [record] })).toEqual(['retryRecordedFalsely']);
    expect(
      kindsIn(
        resumed({
          attempts: [1, 2].map(number => ({
            ...resumed({}).attempts![0],
            attempt: number,
          })),
        }),
      ),
    ).toEqual(['retryRecordedFalsely']);
  });

  it('find a retry that was decided on by another strategy, or counts as planned', () => {
    const journal = wholeRun('b', 30_100);
    const [closing, record] = closed('none', { journal }).attempts!;
    for (const wrong of [
      { strategy: 'restart' },
      { decision: 'resume' },
      { planned: true },
    ]) {
      const attempts = [closing, { ...record, ...wrong }];
      expect(kindsIn({ ...closed('none', { journal }), attempts })).toEqual([
        'retryMisjudged',
      ]);
    }
  });

  it('tell by the events of a task whether a retry happened', () => {
    const row = (id: number, event_type: string) => ({
      id: String(id),
      task_id: TASK,
      event_type,
      body: '{}',
      created_at: new Date(id * 1_000),
    });
    const { at, ...asked } = answered(30_000);
    const sent = [{ ...asked, end: row(19, 'completion') }];
    const before = [row(9, 'recovered'), row(10, 'log')];
    expect(readRetries(sent, [...before, row(19, 'completion')])).toEqual({
      retries: [{ ...asked, at: undefined }],
      deletedEnds: [],
    });
    expect(
      readRetries(sent, [
        ...before,
        row(30, 'recovered'),
        row(100, 'recovered'),
      ]),
    ).toEqual({
      retries: [{ ...asked, at: 30_000 }],
      deletedEnds: [sent[0].end],
    });
  });
});

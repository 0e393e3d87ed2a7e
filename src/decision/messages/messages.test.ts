import { FinalDecision } from '../decision';
import { Plan, StepAgain } from '../plan/plan';
import { RunFiles } from '../plan/runFiles';
import { PlannedRetry } from '../retry';
import { TaskStrategy } from '../strategy';
import { asLines } from './format';
import { decisionLine, waitingLine } from './logLines';
import { filesPart } from './planMessages';
import { reasonOf, Silence } from './reason';
import { retryLine, retryMessages, retryReason } from './retryMessages';
import { stepMessages } from './stepMessages';

const SILENCE: Silence = { secondsSilent: 34, interruptedBy: 'silence' };

const WHERE = {
  templateRef: 'template:default/sample',
  interruptedAt: 'two',
};
const FIRST_ATTEMPT = {
  attemptsUsed: 1,
  finishedSteps: 1,
  limit: 3,
  isBeyondLimit: false,
  isPoisonCandidate: false,
  isFinalAttempt: false,
};
const PLAN: Plan = { skipped: ['one'], again: [], goesOnAt: 'two' };
const EXPIRED_AT = new Date('2026-01-02T03:04:05.678Z');

const strategy = (
  name: TaskStrategy['strategy'],
  more?: Partial<TaskStrategy>,
): TaskStrategy => ({ strategy: name, source: 'template', ...more });

type Because = Extract<FinalDecision, { kind: 'failed' }>['because'];

const failed = (because: Because): FinalDecision => ({
  kind: 'failed',
  because,
  runningSteps: ['two'],
  ...WHERE,
});

const cancelled: FinalDecision = {
  kind: 'cancelled',
  runningSteps: ['two'],
  ...WHERE,
};

const goesOn = (
  kind: 'restart' | 'resume',
  plan: Partial<Plan> = {},
  attempt: Partial<typeof FIRST_ATTEMPT> = {},
) => ({
  kind,
  plan: { ...PLAN, ...plan },
  state: null,
  attempt: { ...FIRST_ATTEMPT, ...attempt },
  ...WHERE,
});

const finishes = {
  kind: 'finish',
  state: null,
  attempt: FIRST_ATTEMPT,
  ...WHERE,
} as const;

const neededByTwo: StepAgain = {
  stepId: 'one',
  because: { kind: 'neededBy', stepIds: ['two'] },
};

describe('the reason in the log of a task', () => {
  const reason = (
    decision: FinalDecision,
    of?: TaskStrategy,
    silence = SILENCE,
  ) => reasonOf({ decision, strategy: of, silence });

  it.each<[string, string, string]>([
    [
      'silence',
      reason(finishes),
      `Interrupted at step 'two': the backend that ran this task sent no heartbeat for 34 s. All its steps had finished: none runs again, and its result is recorded.`,
    ],
    [
      'a shutdown',
      reason(finishes, undefined, {
        secondsSilent: 7,
        interruptedBy: 'shutdown',
      }),
      `Interrupted at step 'two': the backend that ran this task was shut down and sent no heartbeat for 7 s. All its steps had finished: none runs again, and its result is recorded.`,
    ],
    [
      'a crash that a lock tells of',
      reason(finishes, undefined, {
        secondsSilent: 6,
        interruptedBy: 'crash',
        knownBy: 'lock',
      }),
      `Interrupted at step 'two': the backend that ran this task crashed (its database session ended) and sent no heartbeat for 6 s. All its steps had finished: none runs again, and its result is recorded.`,
    ],
    [
      'a crash that a process id tells of',
      reason(finishes, undefined, {
        secondsSilent: 3,
        interruptedBy: 'crash',
        knownBy: 'pid',
      }),
      `Interrupted at step 'two': the backend that ran this task crashed (its process is gone) and sent no heartbeat for 3 s. All its steps had finished: none runs again, and its result is recorded.`,
    ],
    [
      'a lost connection',
      reason(finishes, undefined, {
        secondsSilent: 6,
        interruptedBy: 'connection',
        problem: 'read ECONNRESET',
      }),
      `Interrupted at step 'two': the scaffolder's connection to the database was lost (read ECONNRESET), which ended this run, and the backend that ran this task sent no heartbeat for 6 s. All its steps had finished: none runs again, and its result is recorded.`,
    ],
    [
      'an interruption before the first step',
      reason({ ...finishes, interruptedAt: undefined }),
      'Interrupted: the backend that ran this task sent no heartbeat for 34 s. All its steps had finished: none runs again, and its result is recorded.',
    ],
  ])('begins with the interruption by %s', (_, text, expected) => {
    expect(text).toBe(expected);
  });

  const afterInterruption = (text: string) =>
    text.replace(
      "Interrupted at step 'two': the backend that ran this task sent no heartbeat for 34 s. ",
      '',
    );

  it.each<[string, FinalDecision, TaskStrategy | undefined, string]>([
    [
      'a cancelled task',
      cancelled,
      undefined,
      'The task had been cancelled, so it was closed as cancelled.',
    ],
    [
      'a row that no worker can read',
      failed({ kind: 'unreadable', problem: 'its spec is not valid JSON' }),
      undefined,
      'It cannot run again: its spec is not valid JSON. Start it again from its template.',
    ],
    [
      "the strategy 'none'",
      failed({ kind: 'none' }),
      strategy('none'),
      `It was not run again, because its template has the recovery strategy 'none'. Check what its steps have done so far, then start it again.`,
    ],
    [
      'no strategy',
      failed({ kind: 'none' }),
      strategy('none', { source: 'default' }),
      `It was not run again, because its template has no recovery strategy, which counts as 'none'. Check what its steps have done so far, then start it again.`,
    ],
    [
      'an invalid strategy',
      failed({ kind: 'none' }),
      strategy('none', { source: 'invalid', remark: 'it is misspelt' }),
      'It was not run again, because it is misspelt. Check what its steps have done so far, then start it again.',
    ],
    [
      'a task that is too old',
      failed({ kind: 'tooOld', taskTimeoutSeconds: 86_400 }),
      strategy('restart'),
      'It was not run again, because it was silent for longer than scaffolder.taskTimeout (24 h 0 min). Check what its steps have done so far, then start it again.',
    ],
    [
      'a task from before recovery was on',
      failed({ kind: 'noSecrets' }),
      strategy('restart'),
      'It was not run again, because it was started before recovery was on: the scaffolder had cleared its secrets and recorded none of its steps. Check what its steps have done so far, then start it again.',
    ],
    [
      'the limit of attempts in the configuration',
      failed({ kind: 'attempts', tries: 4, limit: 3, hasFinished: false }),
      strategy('restart'),
      `It was not run again: 4 attempts at step 'two' made no progress, so that step may be what crashes the backend. The limit is 3 recoveries (scaffolder.recoverTasksMaxAttempts). Find the cause, then press Retry on the task's page, or start the task again from its template.`,
    ],
    [
      'the limit of attempts in the template, when only the result was left',
      failed({ kind: 'attempts', tries: 2, limit: 1, hasFinished: true }),
      strategy('restart', { maxAttempts: 1 }),
      `It was not run again: all its steps had finished, but 2 attempts to record its result were interrupted. The limit is 1 recovery (spec.recovery.maxAttempts of its template). Find the cause, then press Retry on the task's page, or start the task again from its template.`,
    ],
  ])('says why the task is closed: %s', (_, decision, of, expected) => {
    expect(afterInterruption(reason(decision, of))).toBe(expected);
  });

  it.each<[string, FinalDecision, string]>([
    [
      'from the first step',
      goesOn('restart'),
      `Its template has the recovery strategy 'restart': the task runs again from its first step.`,
    ],
    [
      'at the interrupted step',
      goesOn('resume'),
      `Its template has the recovery strategy 'idempotent': the task goes on at this step. Skipped, with their outputs restored: one.`,
    ],
    [
      'at another step, with finished steps that run again',
      goesOn('resume', {
        goesOnAt: 'three',
        skipped: ['zero', 'four'],
        again: [neededByTwo],
      }),
      `Its template has the recovery strategy 'idempotent': the task goes on at step 'three'. Skipped, with their outputs restored: zero, four. Finished, but run again: one.`,
    ],
    [
      'in spite of invalid dependencies',
      goesOn('resume', {
        skipped: [],
        warning: 'They are invalid. All steps run again',
      }),
      `Its template has the recovery strategy 'idempotent': the task goes on at this step. They are invalid. All steps run again.`,
    ],
    [
      'for the second time in a row',
      goesOn('restart', {}, { attemptsUsed: 2 }),
      `Its template has the recovery strategy 'restart': the task runs again from its first step. This is recovery 2 of at most 3 without progress.`,
    ],
  ])('says how the task goes on: %s', (_, decision, expected) => {
    expect(afterInterruption(reason(decision))).toBe(expected);
  });

  it('has one sentence per line, since the page of the task does not wrap lines', () => {
    expect(
      asLines(`The plugin 1.2. is one. It's 'two'. "Three". Four. five.`),
    ).toBe(`The plugin 1.2. is one.\nIt's 'two'. "Three".\nFour. five.`);
  });
});

describe('the files that a run begins with', () => {
  it.each<[RunFiles, string, string]>([
    [
      { kind: 'snapshot', number: 3, stepId: 'one' },
      `The run begins with the files as of the end of step 'one'.`,
      `as of the end of 'one'`,
    ],
    [
      { kind: 'missing', stepId: 'one' },
      `The run begins in an empty workspace, because there is no snapshot of the end of step 'one'.`,
      `none, no snapshot of the end of 'one'`,
    ],
    [
      { kind: 'missing', stepId: 'one', problem: 'it has too many files' },
      `The run begins in an empty workspace, because there is no snapshot of the end of step 'one': it has too many files.`,
      `none, no snapshot of the end of 'one': it has too many files`,
    ],
    [{ kind: 'empty' }, 'The run begins in an empty workspace.', 'none'],
  ])('are named: %j', (files, sentence, part) => {
    const decision = goesOn('resume', { files });
    expect(
      reasonOf({ decision, silence: SILENCE }).endsWith(`one. ${sentence}`),
    ).toBe(true);
    expect(filesPart(files)).toBe(part);
  });
});

describe('the messages under the steps of a task that runs again', () => {
  it('say under the interrupted step why, and under finished steps why they run again', () => {
    const decision = goesOn('resume', { skipped: [], again: [neededByTwo] });
    expect(stepMessages(decision, SILENCE)).toEqual([
      { stepId: 'two', message: reasonOf({ decision, silence: SILENCE }) },
      {
        stepId: 'one',
        message: `This step had finished and runs again, because 'two' depends on it.`,
      },
    ]);
  });

  it('warn of an expired sign-in under the step where the task goes on', () => {
    const silence = { ...SILENCE, signInExpiredAt: EXPIRED_AT };
    const warning = `Warning: the sign-in that this task was started with expired at 2026-01-02 03:04:05 UTC. Steps that act on the user's behalf may fail. In that case, start the task again from its template.`;
    const under = (stepId: string) => [
      expect.objectContaining({ stepId: 'two' }),
      { stepId, message: warning },
    ];
    expect(
      stepMessages(goesOn('resume', { goesOnAt: 'three' }), silence),
    ).toEqual(under('three'));
    expect(stepMessages(finishes, silence)).toEqual(under('two'));
  });

  it('are none if it is not known where the task was interrupted and no finished step runs again', () => {
    const nowhere = { interruptedAt: undefined };
    expect(stepMessages({ ...finishes, ...nowhere }, SILENCE)).toEqual([]);
  });

  it.each<[StepAgain['because'], string]>([
    [{ kind: 'restart' }, `the strategy is 'restart'`],
    [{ kind: 'neededBy', stepIds: ['a'] }, `'a' depends on it`],
    [{ kind: 'neededBy', stepIds: ['a', 'b'] }, `'a', 'b' depend on it`],
    [
      { kind: 'afterFailed', stepId: 'a' },
      `it ran after the failure of 'a', which runs again`,
    ],
    [{ kind: 'sharedId' }, 'another step with the same id had not finished'],
    [{ kind: 'noOutput' }, 'its output was not recorded'],
    [{ kind: 'filesLost' }, 'the run begins with the files from before it'],
    [{ kind: 'noSnapshot' }, 'its files are gone, and no step has a dependsOn'],
    [{ kind: 'invalidPlan' }, 'the dependencies between the steps are invalid'],
  ])('say why a finished step runs again: %j', (because, text) => {
    const decision = goesOn('resume', { again: [{ stepId: 'x', because }] });
    expect(stepMessages(decision, SILENCE).at(-1)).toEqual({
      stepId: 'x',
      message: `This step had finished and runs again, because ${text}.`,
    });
  });
});

describe("the line about a decision in the backend's log", () => {
  const line = (
    decision: FinalDecision,
    of?: TaskStrategy,
    more: Partial<Silence> & { signInExpiredAt?: Date } = {},
  ) =>
    decisionLine({
      taskId: '42',
      decision,
      strategy: of,
      silence: { ...SILENCE, ...more },
      signInExpiredAt: more.signInExpiredAt,
    });

  const NONE = strategy('none');
  const IDEMPOTENT = strategy('idempotent');
  const CLOSED = `Task 42 of template:default/sample, strategy 'restart', is closed as failed`;
  const AT_TWO = `interrupted at step 'two', silent for 34 s`;

  it.each<[string, string, string]>([
    [
      'goes on',
      line(
        goesOn('resume', {
          again: [neededByTwo],
          files: { kind: 'empty' },
        }),
        IDEMPOTENT,
      ),
      `Task 42 of template:default/sample, strategy 'idempotent', goes on at step 'two'; ${AT_TWO}; skipped: one; run again: one ('two' depends on it); files: none`,
    ],
    [
      'runs again after a shutdown',
      line(goesOn('restart', { skipped: [] }), strategy('restart'), {
        interruptedBy: 'shutdown',
      }),
      `Task 42 of template:default/sample, strategy 'restart', runs again from its first step; ${AT_TWO} after a planned shutdown; skipped: none; run again: none`,
    ],
    [
      'runs again after a crash',
      line(goesOn('restart', { skipped: [] }), strategy('restart'), {
        interruptedBy: 'crash',
        knownBy: 'lock',
      }),
      `Task 42 of template:default/sample, strategy 'restart', runs again from its first step; ${AT_TWO} after a crash (its database session ended); skipped: none; run again: none`,
    ],
    [
      'runs again after a lost connection',
      line(goesOn('restart', { skipped: [] }), strategy('restart'), {
        interruptedBy: 'connection',
        problem: 'read ECONNRESET',
      }),
      `Task 42 of template:default/sample, strategy 'restart', runs again from its first step; ${AT_TWO} after a lost connection to the database (read ECONNRESET); skipped: none; run again: none`,
    ],
    [
      'has its final attempt, with invalid dependencies, an expired sign-in and a misspelt limit',
      line(
        goesOn(
          'resume',
          { warning: 'They are invalid. All steps run again' },
          { attemptsUsed: 3, isFinalAttempt: true },
        ),
        strategy('idempotent', { remark: 'its maxAttempts is misspelt' }),
        { signInExpiredAt: EXPIRED_AT },
      ),
      `Task 42 of template:default/sample, strategy 'idempotent', goes on at step 'two'; ${AT_TWO}; skipped: one; run again: none; They are invalid. All steps run again; recovery 3 of at most 3 without progress, isolated; the sign-in expired at 2026-01-02 03:04:05 UTC; its maxAttempts is misspelt`,
    ],
    [
      'had finished its steps',
      line(finishes, NONE),
      `Task 42 of template:default/sample, strategy 'none', has its result recorded: all its steps had finished; ${AT_TWO}`,
    ],
    [
      'was cancelled, of a template that cannot be read',
      line({
        ...cancelled,
        templateRef: undefined,
        interruptedAt: undefined,
      }),
      `Task 42 of an unknown template, strategy 'unknown', is closed as cancelled: it had been cancelled; interrupted before its first step, silent for 34 s`,
    ],
    [
      'must not run twice',
      line(failed({ kind: 'none' }), NONE),
      `Task 42 of template:default/sample, strategy 'none', is closed as failed; ${AT_TWO}`,
    ],
    [
      'is too old',
      line(
        failed({ kind: 'tooOld', taskTimeoutSeconds: 60 }),
        strategy('restart'),
      ),
      `${CLOSED}: it was silent for longer than scaffolder.taskTimeout; ${AT_TWO}`,
    ],
    [
      'was started before recovery was on',
      line(failed({ kind: 'noSecrets' }), strategy('restart')),
      `${CLOSED}: it was started before recovery was on, and its secrets are gone; ${AT_TWO}`,
    ],
    [
      'no worker can read',
      line(
        failed({ kind: 'unreadable', problem: 'its state is not valid JSON' }),
        strategy('restart'),
      ),
      `${CLOSED}: its state is not valid JSON; ${AT_TWO}`,
    ],
    [
      'made no progress',
      line(
        failed({ kind: 'attempts', tries: 4, limit: 3, hasFinished: false }),
        strategy('restart'),
      ),
      `${CLOSED}: it made no progress in 4 attempts; ${AT_TWO}`,
    ],
  ])('of a task that %s', (_, text, expected) => {
    expect(text).toBe(expected);
  });
});

describe("the line about a task that waits in the backend's log", () => {
  it('names the isolated final attempt of another task', () => {
    expect(waitingLine('42')).toBe(
      'Task 42 is interrupted and waits: its earlier attempts made no progress, and final attempts of such tasks run one at a time, beside no other such task',
    );
  });
});

describe('the messages about a task that is started again after it had ended', () => {
  const planned = (
    of: TaskStrategy | undefined,
    kind: PlannedRetry['retry']['kind'],
    status = 'failed',
  ): PlannedRetry => ({
    task: { id: '42', status, state: null },
    strategy: of,
    retry: {
      kind,
      templateRef: 'template:default/sample',
      endedAt: kind === 'finish' ? undefined : 'two',
      plan:
        kind === 'restart'
          ? {
              skipped: [],
              again: [{ stepId: 'one', because: { kind: 'restart' } }],
              goesOnAt: 'one',
            }
          : { ...PLAN, goesOnAt: kind === 'finish' ? undefined : 'two' },
      state: null,
      finishedSteps: 1,
    },
    attempt: 1,
  });

  const BEGIN = `Started again after it had ended as failed at step 'two'.`;

  it.each<[string, PlannedRetry, string]>([
    [
      'a completed task',
      planned(strategy('idempotent'), 'restart', 'completed'),
      'Started again after it had completed: all its steps run again.',
    ],
    [
      'where it failed',
      planned(strategy('idempotent'), 'resume'),
      `${BEGIN} Its template has the recovery strategy 'idempotent': the task goes on at this step. Skipped, with their outputs restored: one.`,
    ],
    [
      'when all its steps had finished',
      planned(strategy('idempotent'), 'finish', 'cancelled'),
      'Started again after it had ended as cancelled. All its steps had finished: none runs again, and its result is recorded.',
    ],
    [
      "with 'restart'",
      planned(strategy('restart'), 'restart'),
      `${BEGIN} Its template has the recovery strategy 'restart': the task runs again from its first step.`,
    ],
    [
      "with 'none'",
      planned(strategy('none'), 'restart'),
      `${BEGIN} It runs from its first step, because its template has the recovery strategy 'none'.`,
    ],
    [
      'while the catalog is away',
      planned(undefined, 'restart'),
      `${BEGIN} It runs from its first step, because the catalog did not return its recovery strategy.`,
    ],
  ])('give the reason: %s', (_, retry, expected) => {
    expect(retryReason(retry)).toBe(expected);
  });

  it('are shown under the step where it goes on, or else the last one, and under finished steps that run again', () => {
    const resumed = planned(strategy('idempotent'), 'resume');
    expect(retryMessages(resumed)).toEqual([
      { stepId: 'two', message: retryReason(resumed) },
    ]);
    const finished = planned(strategy('idempotent'), 'finish');
    expect(retryMessages(finished)).toEqual([
      { stepId: 'one', message: retryReason(finished) },
    ]);
    const restarted = planned(strategy('restart'), 'restart');
    expect(retryMessages(restarted)).toEqual([
      { stepId: 'one', message: retryReason(restarted) },
      {
        stepId: 'one',
        message: `This step had finished and runs again, because the strategy is 'restart'.`,
      },
    ]);
  });

  it("are none with 'none' and without a strategy, where nothing changes", () => {
    expect(retryMessages(planned(strategy('none'), 'restart'))).toEqual([]);
    expect(retryMessages(planned(undefined, 'restart'))).toEqual([]);
  });

  it.each<[string, PlannedRetry, string]>([
    [
      'goes on',
      planned(
        strategy('idempotent', { remark: 'its maxAttempts is misspelt' }),
        'resume',
      ),
      `Task 42 of template:default/sample, strategy 'idempotent', goes on at step 'two'; started again after it had ended as failed at step 'two'; skipped: one; run again: none; its maxAttempts is misspelt`,
    ],
    [
      'runs all its steps',
      planned(undefined, 'restart', 'completed'),
      `Task 42 of template:default/sample, strategy 'unknown', runs again from its first step; started again after it had completed; skipped: none; run again: one (the strategy is 'restart')`,
    ],
  ])(
    "are one line in the backend's log of a task that %s",
    (_, retry, expected) => {
      expect(retryLine(retry)).toBe(expected);
    },
  );
});

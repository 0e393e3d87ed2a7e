import { mockServices } from '@backstage/backend-test-utils';
import { metricsServiceMock } from '@backstage/backend-test-utils/alpha';
import { waitFor } from '../../dev/harness/waitFor';
import { WrittenDecision } from '../record/decidedTask';
import { combineListeners } from '../record/RecoveryListener';
import { AuditTrail } from './AuditTrail';
import { watchOwnTimers } from '../__testUtils__/ownTimers';
import { Notifier } from './Notifier';
import { RecoveryMetrics } from './metrics/RecoveryMetrics';

const resumed = {
  task: {
    id: 'the-task',
    secondsSilent: 31,
    interruptedBy: 'crash',
    knownBy: 'lock',
    created_by: 'user:default/anne',
    spec: 'top-secret',
    state: 'top-secret',
  },
  decision: {
    kind: 'resume',
    templateRef: 'template:default/sample',
  },
  strategy: { strategy: 'idempotent', source: 'template' },
  attempt: 2,
  reason: `Interrupted at step 'two'.`,
} as unknown as WrittenDecision;

const closed = {
  ...resumed,
  decision: { ...resumed.decision, kind: 'failed' },
  strategy: undefined,
} as WrittenDecision;

describe('AuditTrail', () => {
  const logger = mockServices.logger.mock();
  const event = { success: jest.fn(), fail: jest.fn() };
  const auditor = mockServices.auditor.mock();
  const trail = new AuditTrail({ auditor, logger });
  beforeEach(() => {
    jest.resetAllMocks();
    auditor.createEvent.mockResolvedValue(event);
  });

  it('audits a task that goes on', async () => {
    trail.decided(resumed);
    await waitFor('it', async () => event.success.mock.calls.length === 1);
    expect(auditor.createEvent.mock.calls).toEqual([
      [
        {
          eventId: 'task',
          severityLevel: 'medium',
          meta: {
            actionType: 'recover',
            taskId: 'the-task',
            templateRef: 'template:default/sample',
            strategy: 'idempotent',
            decision: 'resume',
            attempt: 2,
            interruptedBy: 'crash',
            knownBy: 'lock',
          },
        },
      ],
    ]);
    expect(event.fail).not.toHaveBeenCalled();
  });

  it('audits a task that is closed, with the reason', async () => {
    trail.decided(closed);
    await waitFor('it', async () => event.success.mock.calls.length === 1);
    expect(auditor.createEvent.mock.calls[0][0].meta).toMatchObject({
      decision: 'failed',
      reason: closed.reason,
    });
  });

  it('audits a task that could not be decided on as a failure', async () => {
    const error = new Error('no connection');
    trail.undecided('the-task', error);
    trail.undecided('the-task', error);
    await waitFor('it', async () => event.fail.mock.calls.length === 1);
    expect(auditor.createEvent.mock.calls[0][0].meta).toEqual({
      actionType: 'recover',
      taskId: 'the-task',
    });
    expect(event.fail.mock.calls).toEqual([[{ error }]]);
    expect(event.success).not.toHaveBeenCalled();
    trail.decided(resumed);
    trail.undecided('the-task', error);
    await waitFor('both', async () => event.fail.mock.calls.length === 2);
  });

  it('logs it if that fails, and changes nothing else', async () => {
    auditor.createEvent.mockRejectedValue(new Error('out of ink'));
    trail.decided(resumed);
    await waitFor('it', async () => logger.warn.mock.calls.length === 1);
    expect(logger.warn.mock.calls[0][0]).toMatch(
      'Task the-task was decided on and its audit event could not be created, Error: out of ink',
    );
  });
});

describe('RecoveryMetrics', () => {
  it('count and measure with the strategy, the decision and the template, never with tasks or users', () => {
    const mock = metricsServiceMock.mock();
    const instruments = new Map<string, jest.Mock>();
    const create = (name: string) => {
      const record = jest.fn();
      instruments.set(name, record);
      return { add: record, record };
    };
    mock.createCounter.mockImplementation(create);
    mock.createHistogram.mockImplementation(create);
    const metrics = new RecoveryMetrics(mock);

    metrics.decided({
      ...resumed,
      task: { ...resumed.task, interruptedBy: 'shutdown' },
    });
    metrics.decided(closed);
    metrics.undecided();
    metrics.resumed({
      strategy: 'restart',
      decision: 'restart',
      secondsSinceHeartbeat: 33,
    });
    metrics.passed({ seconds: 0.5, interrupted: 2 });
    metrics.passed({ seconds: 0.7 });
    metrics.renewed(0);
    metrics.renewed(3);

    const calls = Object.fromEntries(
      [...instruments].map(([name, record]) => [name, record.mock.calls]),
    );
    expect(calls).toEqual({
      'scaffolder.recovery.count': [
        [
          1,
          {
            strategy: 'idempotent',
            decision: 'resume',
            interruption: 'shutdown',
            template: 'template:default/sample',
          },
        ],
        [
          1,
          {
            strategy: 'unknown',
            decision: 'failed',
            interruption: 'crash',
            template: 'template:default/sample',
          },
        ],
      ],
      'scaffolder.recovery.decision.duration': [
        [
          31,
          {
            strategy: 'idempotent',
            decision: 'resume',
            interruption: 'shutdown',
          },
        ],
        [
          31,
          { strategy: 'unknown', decision: 'failed', interruption: 'crash' },
        ],
      ],
      'scaffolder.recovery.resumption.duration': [
        [33, { strategy: 'restart', decision: 'restart' }],
      ],
      'scaffolder.recovery.pass.interrupted': [[2]],
      'scaffolder.recovery.pass.duration': [
        [0.5, { result: 'ok' }],
        [0.7, { result: 'failed' }],
      ],
      'scaffolder.recovery.error.count': [[1]],
      'scaffolder.recovery.renewed.count': [[3]],
    });
  });
});

describe('Notifier', () => {
  const logger = mockServices.logger.mock();
  const notifications = { send: jest.fn() };
  const notifier = new Notifier({
    notifications,
    logger,
    retrySeconds: [0.01, 0.01],
  });
  beforeEach(() => {
    jest.resetAllMocks();
  });

  it('notifies whoever started a task that it goes on, with a link', () => {
    notifier.decided(resumed);
    expect(notifications.send.mock.calls).toEqual([
      [
        {
          recipients: { type: 'entity', entityRef: 'user:default/anne' },
          payload: {
            title: 'sample: your task was interrupted and goes on',
            description: resumed.reason,
            link: '/create/tasks/the-task',
            severity: 'normal',
            topic: 'scaffolder-recovery',
            scope: 'scaffolder-recovery:the-task',
          },
        },
      ],
    ]);
  });

  it('notifies whoever started a task that it was closed', () => {
    notifier.decided(closed);
    expect(notifications.send.mock.calls[0][0].payload).toMatchObject({
      title: 'sample: your task was interrupted and closed',
      severity: 'high',
    });
  });

  it('tries again, since notifications may start later than this', async () => {
    notifications.send.mockRejectedValueOnce(new Error('not up yet'));
    notifier.decided(resumed);
    await waitFor('both', async () => notifications.send.mock.calls.length > 1);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it('logs it if nobody can be reached, and changes nothing else', async () => {
    notifications.send.mockRejectedValue(new Error('nobody is there'));
    notifier.decided(resumed);
    await waitFor('it', async () => logger.warn.mock.calls.length === 1);
    expect(notifications.send).toHaveBeenCalledTimes(3);
    expect(logger.warn.mock.calls[0][0]).toBe(
      'Task the-task was recovered and its notification could not be sent; scaffolder.recoverTasksNotify needs @backstage/plugin-notifications-backend, Error: nobody is there',
    );
  });

  it('tries no more once the module has ended', async () => {
    const timers = watchOwnTimers();
    const lifetime = new AbortController();
    const ending = new Notifier({
      notifications,
      logger,
      signal: lifetime.signal,
      retrySeconds: [600],
    });
    notifications.send.mockRejectedValue(new Error('not up yet'));
    ending.decided(resumed);
    await waitFor('it to wait for the next try', async () => {
      const active = timers.active();
      return active.length === 1 && active[0].includes('Notifier.ts');
    });
    lifetime.abort();
    await waitFor('no timer', async () => timers.active().length === 0);
    timers.stop();
    expect(notifications.send).toHaveBeenCalledTimes(1);
    expect(logger.warn).not.toHaveBeenCalled();
  });

  it('keeps no more than a thousand waiting, and sends one at a time', async () => {
    let isReachable = (): void => {};
    notifications.send.mockReturnValueOnce(
      new Promise<void>(resolve => {
        isReachable = resolve;
      }),
    );
    for (let i = 0; i < 1_001; i++) {
      notifier.decided(resumed);
    }
    expect(notifications.send).toHaveBeenCalledTimes(1);
    expect(logger.warn.mock.calls).toEqual([
      [
        'Task the-task was recovered and nobody is notified of it, since 1000 notifications wait to be sent',
      ],
    ]);
    isReachable();
    await waitFor(
      'all of them',
      async () => notifications.send.mock.calls.length === 1_000,
    );
  });

  it('notifies nobody of a task that nobody started', () => {
    notifier.decided({
      ...resumed,
      task: { ...resumed.task, created_by: null },
    });
    expect(notifications.send).not.toHaveBeenCalled();
  });
});

describe('combineListeners', () => {
  it('calls all of them, also when one of them throws', () => {
    const logger = mockServices.logger.mock();
    const last = { decided: jest.fn(), renewed: jest.fn() };
    const listener = combineListeners(
      [
        {
          decided: () => {
            throw new Error('broken');
          },
        },
        last,
      ],
      logger,
    );
    listener.decided(resumed);
    listener.renewed(1);
    listener.undecided('the-task', new Error());
    expect(last.decided).toHaveBeenCalledWith(resumed);
    expect(last.renewed).toHaveBeenCalledWith(1);
    expect(logger.warn).toHaveBeenCalledWith(
      'Could not report on a recovery, Error: broken',
    );
  });
});

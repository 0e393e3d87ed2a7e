import {
  createMockDirectory,
  mockServices,
} from '@backstage/backend-test-utils';
import { RecoveryPass } from './RecoveryPass';
import { RecoveryRunner } from './RecoveryRunner';
import { StrategyMemory } from './StrategyMemory';
import { Workspaces } from './Workspaces';

describe('RecoveryRunner', () => {
  const directory = createMockDirectory();

  function setup() {
    const logger = mockServices.logger.mock();
    const scheduler = mockServices.scheduler.mock();
    const events = mockServices.events.mock();
    events.subscribe.mockResolvedValue(undefined);
    const workspaces = new Workspaces(directory.path, logger);
    const options = {
      migrate: jest.fn(async () => {}),
      pass: {
        runAtStartup: jest.fn(async () => {}),
        runOnce: jest.fn(async () => {}),
      },
      memory: {
        remember: jest.fn(async () => {}),
        rememberMissing: jest.fn(async () => 0),
      },
    };
    const runner = new RecoveryRunner({
      ...options,
      pass: options.pass as unknown as RecoveryPass,
      memory: options.memory as unknown as StrategyMemory,
      workspaces,
      scheduler,
      events,
      logger,
    });
    const tick = async (id: string) => {
      const task = scheduler.scheduleTask.mock.calls
        .map(([t]) => t)
        .find(t => t.id === id)!;
      await (task.fn as () => Promise<void>)();
    };
    const emit = (eventPayload: unknown) =>
      events.subscribe.mock.calls[0][0].onEvent({
        topic: 'scaffolder.task',
        eventPayload,
      });
    return { ...options, runner, workspaces, scheduler, logger, tick, emit };
  }
  const RECOVER = 'scaffolder-recovery:recover-interrupted-tasks';

  it('migrates once, runs the first pass at the start and the others regularly', async () => {
    const { runner, migrate, pass, memory, tick, scheduler } = setup();
    await runner.start();
    expect(pass.runAtStartup).toHaveBeenCalledTimes(1);
    expect(pass.runOnce).not.toHaveBeenCalled();
    await tick(RECOVER);
    await tick('scaffolder-recovery:remember-strategies');
    expect(pass.runOnce).toHaveBeenCalledTimes(1);
    expect(memory.rememberMissing).toHaveBeenCalledTimes(1);
    expect(migrate).toHaveBeenCalledTimes(1);
    for (const [task] of scheduler.scheduleTask.mock.calls) {
      expect(task).toMatchObject({
        scope: 'local',
        frequency: { seconds: 5 },
        initialDelay: { seconds: expect.any(Number) },
      });
    }
  });

  it('goes on with later passes when the first one fails', async () => {
    const { runner, pass, logger, tick } = setup();
    pass.runAtStartup.mockRejectedValue(new Error('no connection'));
    await runner.start();
    expect(logger.error).toHaveBeenCalledWith(
      'The first recovery pass failed, the next one follows',
      expect.objectContaining({ message: 'no connection' }),
    );
    await tick(RECOVER);
    expect(pass.runOnce).toHaveBeenCalledTimes(1);
  });

  it('tries migrations again until they have run, and no pass before', async () => {
    const { runner, migrate, pass, tick } = setup();
    migrate.mockRejectedValueOnce(new Error('locked'));
    await runner.start();
    expect(pass.runAtStartup).not.toHaveBeenCalled();
    await tick(RECOVER);
    expect(migrate).toHaveBeenCalledTimes(2);
    expect(pass.runOnce).toHaveBeenCalledTimes(1);
  });

  it('remembers the strategy of a task as soon as it is dispatched', async () => {
    const { runner, memory, emit } = setup();
    await runner.start();
    memory.remember.mockRejectedValueOnce(new Error('catalog'));
    await expect(emit({ id: 'a', status: 'open' })).resolves.toBeUndefined();
    await emit({ id: 'b', status: 'open' });
    expect(memory.remember.mock.calls).toEqual([['a'], ['b']]);
  });

  it('cleans the workspace of a claimed task before anything can run in it', async () => {
    const { runner, workspaces, emit } = setup();
    await runner.start();
    const claimed = jest.spyOn(workspaces, 'claimed');
    const promise = emit({ id: 'a', status: 'processing' });
    // Before the handler first waits for anything.
    expect(claimed).toHaveBeenCalledWith('a');
    await promise;
  });

  it.each([{}, { id: 7, status: 'open' }, { id: 'a', status: 'failed' }])(
    'ignores the event %j',
    async payload => {
      const { runner, memory, workspaces, emit } = setup();
      const claimed = jest.spyOn(workspaces, 'claimed');
      await runner.start();
      await emit(payload);
      expect(memory.remember).not.toHaveBeenCalled();
      expect(claimed).not.toHaveBeenCalled();
    },
  );
});

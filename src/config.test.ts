import { mockServices } from '@backstage/backend-test-utils';
import { JsonObject } from '@backstage/types';
import os from 'node:os';
import {
  configureRecovery,
  isRecoveryOn,
  neededSettings,
  readRecoveryConfig,
} from './config';

const good = {
  recoverTasks: true,
  taskRecovery: { enabled: true, staleTimeout: { hours: 12 } },
};

function read(scaffolder: JsonObject, client = 'pg', backend: JsonObject = {}) {
  return readRecoveryConfig(
    mockServices.rootConfig({ data: { scaffolder, backend } }),
    client,
  );
}

function messageOf(scaffolder: JsonObject, client?: string): string {
  try {
    read(scaffolder, client);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It was accepted');
}

describe('isRecoveryOn', () => {
  it.each([
    [{}, false],
    [{ recoverTasks: false }, false],
    [{ recoverTasks: true }, true],
  ])('%j is %s', (scaffolder, on) => {
    expect(
      isRecoveryOn(mockServices.rootConfig({ data: { scaffolder } })),
    ).toBe(on);
  });
});

describe('neededSettings', () => {
  const needed = (scaffolder: JsonObject) =>
    neededSettings(mockServices.rootConfig({ data: { scaffolder } }));

  it.each([
    [{}, '12 hours'],
    [
      { recoverTasksTimeout: { days: 1 }, taskTimeout: { days: 3 } },
      '86430 seconds',
    ],
    [{ taskTimeout: { hours: 2 } }, '7170 seconds'],
    [{ taskTimeout: 'nonsense', recoverTasksTimeout: {} }, '12 hours'],
    [{ recoverTasksTimeout: '1m', taskTimeout: '70s' }, '40 seconds'],
  ])('with %j has a stale timeout of %s', (scaffolder, staleTimeout) => {
    expect(needed(scaffolder)).toEqual({
      enabled: true,
      staleTimeout,
      workspaceProvider: 'recovery',
    });
  });

  it('goes by the legacy keys as well', () => {
    expect(
      needed({
        EXPERIMENTAL_recoverTasks: false,
        EXPERIMENTAL_recoverTasksTimeout: '1h',
        EXPERIMENTAL_workspaceSerialization: true,
      }),
    ).toEqual({});
    // As an environment variable has it.
    expect(
      needed({ EXPERIMENTAL_workspaceSerialization: 'true' }),
    ).not.toHaveProperty('workspaceProvider');
    expect(
      needed({ EXPERIMENTAL_workspaceSerialization: 'nonsense' }),
    ).toHaveProperty('workspaceProvider');
  });

  it('has no workspace provider where snapshots are switched off', () => {
    expect(
      needed({ recoverTasksWorkspaces: { enabled: false } }),
    ).not.toHaveProperty('workspaceProvider');
    const enabled = 'nonsense';
    expect(needed({ recoverTasksWorkspaces: { enabled } })).toHaveProperty(
      'workspaceProvider',
    );
  });
});

describe('configureRecovery', () => {
  it('lets the scaffolder find what it needs, and leaves the configuration as it was when it cannot work', () => {
    const rootConfig = mockServices.rootConfig({
      data: { scaffolder: { recoverTasks: true } },
    });
    const { config, supplied } = configureRecovery(rootConfig, 'pg');
    expect(supplied).toEqual({
      enabled: true,
      staleTimeout: '12 hours',
      workspaceProvider: 'recovery',
    });
    expect(config).toMatchObject({
      staleTimeoutSeconds: 12 * 3600,
      snapshots: {
        maxBytes: 1e9,
        maxFiles: 100_000,
        keepSeconds: 24 * 3600,
      },
    });
    expect(rootConfig.has('scaffolder.taskRecovery.enabled')).toBe(true);

    const data = { scaffolder: { taskRecovery: { staleTimeout: '1s' } } };
    const contradicts = mockServices.rootConfig({ data });
    const accessors = Object.getOwnPropertyNames(contradicts);
    expect(() => configureRecovery(contradicts, 'pg')).toThrow(
      'scaffolder.taskRecovery.staleTimeout is 1 second',
    );
    expect(contradicts.has('scaffolder.taskRecovery.enabled')).toBe(false);
    expect(Object.getOwnPropertyNames(contradicts)).toEqual(accessors);
  });
});

describe('readRecoveryConfig', () => {
  it('applies the defaults', () => {
    expect(read(good)).toEqual({
      timeoutSeconds: 30,
      staleTimeoutSeconds: 12 * 3600,
      taskTimeoutSeconds: 24 * 3600,
      workspaceProvider: undefined,
      concurrentTasks: 10,
      workingDirectory: os.tmpdir(),
      exitOnLostOwnership: false,
      maxAttempts: 3,
      notify: false,
    });
  });

  it.each([
    [{ taskRecovery: { workspaceProvider: 'mine' } }, 'mine'],
    [{ EXPERIMENTAL_workspaceSerialization: true }, 'database'],
    [
      {
        EXPERIMENTAL_workspaceSerialization: true,
        EXPERIMENTAL_workspaceSerializationProvider: 'gcpBucket',
      },
      'gcpBucket',
    ],
    [{ EXPERIMENTAL_workspaceSerializationProvider: 'gcpBucket' }, undefined],
  ])('finds the workspace provider of %j', (scaffolder, workspaceProvider) => {
    const taskRecovery = {
      ...good.taskRecovery,
      ...('taskRecovery' in scaffolder && scaffolder.taskRecovery),
    };
    expect(read({ ...good, ...scaffolder, taskRecovery })).toMatchObject({
      workspaceProvider,
    });
  });

  it.each([
    [{ minutes: 1 }, 60],
    ['PT1M', 60],
    ['90s', 90],
    [{ seconds: 5 }, 5],
  ])('takes the duration %j', (recoverTasksTimeout, timeoutSeconds) => {
    expect(read({ ...good, recoverTasksTimeout })).toMatchObject({
      timeoutSeconds,
    });
  });

  it('takes the legacy keys that the scaffolder takes', () => {
    expect(
      read({
        recoverTasks: true,
        EXPERIMENTAL_recoverTasks: true,
        EXPERIMENTAL_recoverTasksTimeout: { hours: 1 },
      }),
    ).toMatchObject({ staleTimeoutSeconds: 3600 });
  });

  it('prefers the keys of taskRecovery to the legacy ones', () => {
    expect(
      messageOf({
        ...good,
        taskRecovery: { ...good.taskRecovery, enabled: false },
        EXPERIMENTAL_recoverTasks: true,
      }),
    ).toContain('scaffolder.taskRecovery.enabled is false; it must be true.');
  });

  it('knows a process without workers and another working directory', () => {
    expect(
      read({ ...good, concurrentTasksLimit: 0 }, 'better-sqlite3', {
        workingDirectory: '/scratch',
      }),
    ).toMatchObject({ concurrentTasks: 0, workingDirectory: '/scratch' });
  });

  it('refuses when the timeout is not a duration', () => {
    expect(messageOf({ ...good, recoverTasksTimeout: 'soon' }))
      .toBe(`scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:

scaffolder.recoverTasksTimeout is "soon", which is not a duration: Invalid duration 'soon' in config at 'scaffolder.recoverTasksTimeout', Error: Not a valid duration string, try a number followed by a unit such as '1d' or '2 seconds'. Expected an object such as { minutes: 1 }, an ISO duration such as 'PT1M', or a string such as '1m'.

These lines in app-config.yaml work:

scaffolder:
  recoverTasks: true
  recoverTasksTimeout: { seconds: 30 }
  taskRecovery:
    enabled: true
    staleTimeout: { hours: 12 }
`);
  });

  it.each([{ minutes: 'one' }, { minute: 1 }, 30, true, {}])(
    'refuses the timeout %j',
    recoverTasksTimeout => {
      expect(messageOf({ ...good, recoverTasksTimeout })).toContain(
        `scaffolder.recoverTasksTimeout is ${JSON.stringify(
          recoverTasksTimeout,
        )}, which is not a duration`,
      );
    },
  );

  it('refuses when the timeout is too short', () => {
    expect(messageOf({ ...good, recoverTasksTimeout: { seconds: 4 } }))
      .toBe(`scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:

scaffolder.recoverTasksTimeout is 4 seconds; it must be at least 5 seconds, since a running task writes its heartbeat every second.

These lines in app-config.yaml work:

scaffolder:
  recoverTasks: true
  recoverTasksTimeout: { seconds: 30 }
  taskRecovery:
    enabled: true
    staleTimeout: { hours: 12 }
`);
  });

  it('refuses when taskRecovery is not enabled', () => {
    expect(
      messageOf({
        recoverTasks: true,
        recoverTasksTimeout: { minutes: 2 },
        taskRecovery: { staleTimeout: { hours: 6 } },
      }),
    )
      .toBe(`scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:

scaffolder.taskRecovery.enabled is not set; it must be true. Otherwise the scaffolder keeps neither the outputs of finished steps nor the secrets of a running task, and no task could go on.

These lines in app-config.yaml work:

scaffolder:
  recoverTasks: true
  recoverTasksTimeout: { minutes: 2 }
  taskRecovery:
    enabled: true
    staleTimeout: { hours: 6 }
`);
  });

  it('refuses when staleTimeout does not exceed the timeout by 30 seconds', () => {
    expect(
      messageOf({
        ...good,
        recoverTasksTimeout: { minutes: 1 },
        taskRecovery: { enabled: true, staleTimeout: { seconds: 89 } },
      }),
    )
      .toBe(`scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:

scaffolder.taskRecovery.staleTimeout is 89 seconds; it must exceed scaffolder.recoverTasksTimeout (1 minute) by at least 30 seconds. Otherwise the scaffolder's own recovery restarts tasks that must not run twice before this module decides.

These lines in app-config.yaml work:

scaffolder:
  recoverTasks: true
  recoverTasksTimeout: { minutes: 1 }
  taskRecovery:
    enabled: true
    staleTimeout: { hours: 12 }
`);
    expect(
      read({
        ...good,
        recoverTasksTimeout: { minutes: 1 },
        taskRecovery: { enabled: true, staleTimeout: { seconds: 90 } },
      }),
    ).toMatchObject({ staleTimeoutSeconds: 90 });
  });

  it('refuses when staleTimeout is not set, which means 30 seconds', () => {
    expect(
      messageOf({ recoverTasks: true, taskRecovery: { enabled: true } }),
    ).toContain(
      'scaffolder.taskRecovery.staleTimeout is not set, which means 30 seconds; it must exceed scaffolder.recoverTasksTimeout (not set, which means 30 seconds) by at least 30 seconds.',
    );
  });

  it('refuses when staleTimeout is not below taskTimeout', () => {
    expect(
      messageOf({
        ...good,
        taskRecovery: { enabled: true, staleTimeout: { hours: 24 } },
      }),
    )
      .toBe(`scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:

scaffolder.taskRecovery.staleTimeout is 24 hours; it must be below scaffolder.taskTimeout (not set, which means 24 hours) by at least 30 seconds. Otherwise the scaffolder closes tasks that are to be recovered.

These lines in app-config.yaml work:

scaffolder:
  recoverTasks: true
  recoverTasksTimeout: { seconds: 30 }
  taskRecovery:
    enabled: true
    staleTimeout: { hours: 12 }
`);
  });

  it.each([1, 7, '5'])('takes the limit %j', recoverTasksMaxAttempts => {
    expect(read({ ...good, recoverTasksMaxAttempts })).toMatchObject({
      maxAttempts: Number(recoverTasksMaxAttempts),
    });
  });

  it.each([0, -1, 2.5, 'many', true])(
    'refuses the limit %j',
    recoverTasksMaxAttempts => {
      expect(messageOf({ ...good, recoverTasksMaxAttempts }))
        .toBe(`scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:

scaffolder.recoverTasksMaxAttempts is ${JSON.stringify(
        recoverTasksMaxAttempts,
      )}; it must be a whole number of at least 1: how often a task is recovered in a row without progress.

These lines in app-config.yaml work:

scaffolder:
  recoverTasks: true
  recoverTasksTimeout: { seconds: 30 }
  recoverTasksMaxAttempts: 3
  taskRecovery:
    enabled: true
    staleTimeout: { hours: 12 }
`);
    },
  );

  it('refuses MySQL', () => {
    expect(messageOf(good, 'mysql2'))
      .toBe(`scaffolder.recoverTasks is true, but the tasks of this backend cannot be recovered:

The scaffolder's database is 'mysql2'; PostgreSQL ('pg') and SQLite ('better-sqlite3') are supported. On MySQL the scaffolder cannot put tasks back into its queue.

These lines in app-config.yaml work:

scaffolder:
  recoverTasks: false # until the scaffolder's database is PostgreSQL or SQLite
`);
  });

  it('reports all that is wrong together', () => {
    const message = messageOf(
      {
        recoverTasks: true,
        recoverTasksTimeout: 'soon',
        taskRecovery: { enabled: 'perhaps', staleTimeout: 'later' },
        taskTimeout: 'never',
      },
      'mysql2',
    );
    expect(message).toContain('1. scaffolder.recoverTasksTimeout is "soon"');
    expect(message).toContain(
      '2. scaffolder.taskRecovery.enabled is "perhaps"; it must be true or false.',
    );
    expect(message).toContain(
      '3. scaffolder.taskRecovery.staleTimeout is "later"',
    );
    expect(message).toContain('4. scaffolder.taskTimeout is "never"');
    expect(message).toContain(`5. The scaffolder's database is 'mysql2'`);
  });

  it.each<[JsonObject, string]>([
    [{ concurrentTasksLimit: 'two' }, 'is "two"; it must be a number.'],
    [
      { recoverTasksExitOnLostOwnership: 'maybe' },
      'is "maybe"; it must be true or false.',
    ],
    [{ recoverTasksNotify: 2 }, 'is 2; it must be true or false.'],
    [
      { EXPERIMENTAL_workspaceSerialization: 'perhaps' },
      'is "perhaps"; it must be true or false.',
    ],
    [
      {
        EXPERIMENTAL_workspaceSerialization: true,
        EXPERIMENTAL_workspaceSerializationProvider: 7,
      },
      'Provider is 7; it must be a text.',
    ],
  ])('reports what is wrong with %j among the rest', (scaffolder, problem) => {
    const message = messageOf({
      ...good,
      ...scaffolder,
      recoverTasksTimeout: 'soon',
    });
    const key = Object.keys(scaffolder)[0];
    expect(message).toContain('1. scaffolder.recoverTasksTimeout is "soon"');
    expect(message).toContain(`2. scaffolder.${key}`);
    expect(message).toContain(problem);
    expect(message).toContain('These lines in app-config.yaml work:');
  });

  it('reports a workspace provider and a working directory that are no texts', () => {
    const taskRecovery = { ...good.taskRecovery, workspaceProvider: true };
    expect(messageOf({ ...good, taskRecovery })).toContain(
      '\nscaffolder.taskRecovery.workspaceProvider is true; it must be a text.\n',
    );
    expect(() => read(good, 'pg', { workingDirectory: 1 })).toThrow(
      '\nbackend.workingDirectory is 1; it must be a text.\n',
    );
  });

  it.each([
    { recoverTasksTimeout: { hours: 30 } },
    { taskTimeout: { seconds: 40 } },
    { taskTimeout: { hours: 1 }, taskRecovery: { enabled: true } },
    { recoverTasksTimeout: { seconds: 1 }, taskTimeout: 'x' },
    { recoverTasksTimeout: { hours: 11.999 } },
  ])('suggests lines that it accepts itself: %j', wrong => {
    const [, lines] = messageOf({ ...good, ...wrong }).split('work:\n\n');
    const duration = (key: string) => {
      const found = lines.match(
        new RegExp(`${key}: \\{ (\\w+): ([\\d.]+) \\}`),
      );
      return found ? { [key]: { [found[1]]: Number(found[2]) } } : {};
    };
    const suggested = {
      ...wrong,
      recoverTasks: true,
      ...duration('recoverTasksTimeout'),
      ...duration('taskTimeout'),
      taskRecovery: { enabled: true, ...duration('staleTimeout') },
    };
    expect(() => read(suggested as JsonObject)).not.toThrow();
  });
});

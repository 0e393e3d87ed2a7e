import { mockServices } from '@backstage/backend-test-utils';
import { JsonValue } from '@backstage/types';
import { readSnapshotConfig } from './snapshotConfig';

function read(recoverTasksWorkspaces: JsonValue, provider?: string) {
  const problems: string[] = [];
  const data = { scaffolder: { recoverTasksWorkspaces } };
  const config = mockServices.rootConfig({ data });
  return {
    snapshots: readSnapshotConfig(config, provider, problems),
    problems,
  };
}

describe('readSnapshotConfig', () => {
  it('takes what is set', () => {
    expect(
      read({ maxMegabytes: 50, maxFiles: 7, keepFor: '2h' }, 'recovery'),
    ).toEqual({
      snapshots: {
        maxBytes: 50e6,
        maxFiles: 7,
        keepSeconds: 7200,
        stores: [{ type: 'database' }],
        keys: expect.objectContaining({ ids: [] }),
        readable: { stores: ['database'], keys: [] },
      },
      problems: [],
    });
  });

  it.each([undefined, 'database'])(
    'reads nothing for the provider %s',
    provider => {
      expect(read({}, provider)).toEqual({
        snapshots: undefined,
        problems: [],
      });
      expect(read({ enabled: false }, provider).problems).toEqual([]);
    },
  );

  it('finds out that its own provider is named and switched off', () => {
    expect(read({ enabled: false }, 'recovery').problems).toEqual([
      `scaffolder.taskRecovery.workspaceProvider is 'recovery', but scaffolder.recoverTasksWorkspaces.enabled is false. Remove one of the two.`,
    ]);
  });

  it.each([
    [{ enabled: 3 }, 'enabled is 3; it must be true or false.'],
    [{ maxMegabytes: 0 }, 'maxMegabytes is 0; it must be a number above 0.'],
    [{ maxFiles: 'x' }, 'maxFiles is "x"; it must be a number above 0.'],
    [{ keepFor: 'long' }, 'keepFor is "long", which is not a duration'],
  ])('says what is wrong with %j', (block, problem) => {
    const { snapshots, problems } = read(block, 'recovery');
    expect(snapshots).toBeUndefined();
    expect(problems).toEqual([
      expect.stringContaining(`scaffolder.recoverTasksWorkspaces.${problem}`),
    ]);
  });

  it('says that a key is misspelt, so that no file is stored unencrypted for that', () => {
    expect(read({ encryptionKey: ['a'] }, 'recovery')).toEqual({
      snapshots: undefined,
      problems: [
        `scaffolder.recoverTasksWorkspaces.encryptionKey is unknown; did you mean 'encryptionKeys'? Known are enabled, maxMegabytes, maxFiles, keepFor, stores, encryptionKeys.`,
      ],
    });
  });

  it.each([
    [false, 'false'],
    ['off', '"off"'],
    [[{ encryptionKeys: ['secret'] }], 'a list'],
  ])(
    'says that %j is no block of settings, and shows no key',
    (block, found) => {
      const { snapshots, problems } = read(block, 'recovery');
      expect(snapshots).toBeUndefined();
      expect(problems).toEqual([
        `scaffolder.recoverTasksWorkspaces is ${found}; it must be an object, such as { enabled: false }.`,
      ]);
    },
  );
});

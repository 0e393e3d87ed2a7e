import { mockServices } from '@backstage/backend-test-utils';
import { JsonValue } from '@backstage/types';
import { readStores, storeId } from './storeConfig';

const KEY = 'scaffolder.recoverTasksWorkspaces.stores';

function read(stores: JsonValue | undefined) {
  const problems: string[] = [];
  const data = {
    scaffolder: { recoverTasksWorkspaces: { stores } },
    backend: { workingDirectory: '/work' },
  };
  const config = mockServices.rootConfig({ data });
  return { stores: readStores(config, problems), problems };
}

describe('readStores', () => {
  it('takes the database if nothing is set', () => {
    const { stores, problems } = read(undefined);
    expect(problems).toEqual([]);
    expect(stores.map(storeId)).toEqual(['database']);
  });

  it('keeps the order, since the first one is written to', () => {
    const { stores, problems } = read([
      { type: 'directory', path: '/mnt/shared/files/' },
      { type: 'database' },
      { type: 'directory', path: '/mnt/old' },
    ]);
    expect(problems).toEqual([]);
    expect(stores.map(storeId)).toEqual([
      'directory:/mnt/shared/files',
      'database',
      'directory:/mnt/old',
    ]);
  });

  it.each<[JsonValue, string]>([
    [[], ' is []; it must be a list of at least one store'],
    ['database', ' is "database"; it must be a list of at least one store'],
    [[{ type: 'directry' }], `[0].type is "directry"; it must be one of`],
    [[{ type: 'directry' }], `did you mean 'directory'?`],
    [[{ path: '/mnt' }], '[0].type is undefined; it must be one of'],
    [[{ type: 'database', path: '/' }], `[0] has the key 'path', which a`],
    [
      [{ type: 'directory', paht: '/mnt' }],
      `has the key 'paht', which a store of the type directory does not have; did you mean 'path'?`,
    ],
    [[{ type: 'directory' }], '[0].path is undefined; it must be the absolute'],
    [[{ type: 'directory', path: 'files' }], '[0].path is "files"; it must be'],
    [
      [{ type: 'directory', path: '/work/' }],
      '[0].path is /work, which is also backend.workingDirectory',
    ],
    [
      [{ type: 'database' }, { type: 'database' }],
      `[1] is the same store as ${KEY}[0]. Remove one.`,
    ],
  ])('says what is wrong with %j', (stores, problem) => {
    expect(read(stores).problems).toEqual([expect.stringContaining(problem)]);
  });
});

import { mockServices } from '@backstage/backend-test-utils';
import { JsonObject, JsonValue } from '@backstage/types';
import os from 'node:os';
import { readStores, storeId } from './storeConfig';

const KEY = 'scaffolder.recoverTasksWorkspaces.stores';

function read(
  stores: JsonValue | undefined,
  backend: JsonObject = { workingDirectory: '/srv' },
) {
  const problems: string[] = [];
  const data = {
    scaffolder: { recoverTasksWorkspaces: { stores } },
    backend,
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
      { type: 's3', bucket: 'one', prefix: '/some/where/' },
      { type: 's3', bucket: 'two' },
      { type: 's3', bucket: 'two', endpoint: 'http://localhost:9000' },
    ]);
    expect(problems).toEqual([]);
    expect(stores.map(storeId)).toEqual([
      'directory:/mnt/shared/files',
      'database',
      'directory:/mnt/old',
      's3:one/some/where',
      's3:two/',
      's3:localhost:9000/two/',
    ]);
  });

  it('takes all that there is of a bucket', () => {
    const bucket = {
      ...{ type: 's3', bucket: 'one', prefix: 'p', region: 'eu-west-1' },
      ...{ endpoint: 'https://s3.example.com', forcePathStyle: true },
      accountId: '012345678901',
    };
    const { stores, problems } = read([bucket]);
    expect(problems).toEqual([]);
    expect(stores).toEqual([bucket]);
  });

  it.each<[JsonValue, string]>([
    [[{ type: 's3' }], '[0].bucket is not set; it must be the name of a'],
    [[{ type: 's3', bucket: 'a', acountId: '1' }], `did you mean 'accountId'?`],
    [
      [{ type: 's3', bucket: 'a', accountId: 12345 }],
      '[0].accountId is 12345; it must be a text, in quotes.',
    ],
    [
      [{ type: 's3', bucket: 'a', endpoint: 'localhost:9000' }],
      '[0].endpoint is "localhost:9000"; it must be a URL that begins with',
    ],
    [
      [{ type: 's3', bucket: 'a', forcePathStyle: 'of course' }],
      '[0].forcePathStyle is "of course"; it must be true or false.',
    ],
    [
      [{ type: 's3', bucket: 'a', endpoint: 'https://me:secret@host' }],
      '[0].endpoint has a user in it, which would be logged.',
    ],
    [
      [
        { type: 's3', bucket: 'a', prefix: 'p' },
        { type: 's3', bucket: 'a', prefix: 'p/', region: 'eu-west-1' },
      ],
      `[1] is the same store as ${KEY}[0]. Remove one.`,
    ],
    [[], ' is []; it must be a list of at least one store'],
    ['database', ' is "database"; it must be a list of at least one store'],
    [[{ type: 'directry' }], `[0].type is "directry"; it must be one of`],
    [[{ type: 'directry' }], `did you mean 'directory'?`],
    [[{ path: '/mnt' }], '[0].type is undefined; it must be one of'],
    [[{ type: 'database', path: '/' }], `[0] has the key 'path', which a`],
    [
      [{ type: 'directory', pat: '/mnt' }],
      `has the key 'pat', which a store of the type directory does not have; did you mean 'path'?`,
    ],
    [[{ type: 'directory' }], '[0].path is undefined; it must be the absolute'],
    [[{ type: 'directory', path: 'files' }], '[0].path is "files"; it must be'],
    [
      [{ type: 'directory', path: '/srv/' }],
      '[0].path is /srv, where tasks have their workspaces',
    ],
    [
      [{ type: 'database' }, { type: 'database' }],
      `[1] is the same store as ${KEY}[0]. Remove one.`,
    ],
  ])('says what is wrong with %j', (stores, problem) => {
    expect(read(stores).problems).toEqual([expect.stringContaining(problem)]);
  });

  it('takes no folder for the files in which tasks run since no other is configured', () => {
    const { problems } = read([{ type: 'directory', path: os.tmpdir() }], {});
    expect(problems).toEqual([
      expect.stringContaining('where tasks have their workspaces'),
    ]);
  });
});

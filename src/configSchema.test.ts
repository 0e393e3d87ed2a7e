import { createConfigSecretEnumerator } from '@backstage/backend-defaults/rootConfig';
import { mockServices } from '@backstage/backend-test-utils';
import { ConfigReader } from '@backstage/config';
import { ConfigSchema, loadConfigSchema } from '@backstage/config-loader';
import path from 'node:path';
import { OWN_SETTINGS } from './util/ownSettings';

/** Both keys and the names of what is configured. */
const KEYS = ['the key that encrypts', 'the key from before'];
const SETTINGS = {
  app: { title: 'A title' },
  scaffolder: {
    defaultAuthor: { name: 'M. C. Hammer' },
    recoverTasks: true,
    recoverTasksWorkspaces: {
      maxFiles: 7,
      stores: [
        { type: 'directory', path: '/mnt/shared' },
        { type: 's3', bucket: 'of-the-company' },
      ],
      encryptionKeys: KEYS,
    },
  },
};

describe('config.d.ts, with that of the scaffolder', () => {
  let schema: ConfigSchema;

  beforeAll(async () => {
    schema = await loadConfigSchema({
      dependencies: ['@backstage/plugin-scaffolder-backend'],
      packagePaths: [path.resolve(__dirname, '../package.json')],
      excludePackageDependencies: true,
    });
  });

  const process = (...visibility: ('frontend' | 'secret')[]) => {
    const [{ data }] = schema.process(
      [{ data: SETTINGS, context: 'test' }],
      visibility.length > 0 ? { visibility } : {},
    );
    return data;
  };

  it('accepts what is configured, and no keys that are no list', () => {
    expect(process()).toEqual(SETTINGS);
    const data = {
      scaffolder: { recoverTasksWorkspaces: { encryptionKeys: { a: 'b' } } },
    };
    expect(() => schema.process([{ data, context: 'test' }])).toThrow(
      /must be array .*encryptionKeys/,
    );
  });

  it('has all settings below scaffolder that are known at the start, and no others', () => {
    const { schemas } = schema.serialize() as any;
    const own = schemas.find(({ packageName }: any) =>
      packageName.endsWith('module-recovery'),
    );
    const keys = Object.keys(own.value.properties.scaffolder.properties);
    expect(OWN_SETTINGS).toEqual(keys.map(key => `scaffolder.${key}`));
  });

  it('lets nothing of this module into the frontend', () => {
    expect(process('frontend')).toEqual({});
  });

  it('marks all keys as secret, and nothing else', () => {
    expect(process('secret')).toEqual({
      scaffolder: { recoverTasksWorkspaces: { encryptionKeys: KEYS } },
    });
  });

  it('has the log of a backend redact the keys', async () => {
    const logger = mockServices.logger.mock();
    const enumerate = await createConfigSecretEnumerator({ logger, schema });
    expect([...enumerate(new ConfigReader(SETTINGS))]).toEqual(KEYS);
  });
});

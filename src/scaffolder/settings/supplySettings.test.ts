import { mockServices } from '@backstage/backend-test-utils';
import { Config, ConfigReader } from '@backstage/config';
import { readDurationFromConfig } from '@backstage/config';
import {
  MutableConfigSource,
  StaticConfigSource,
  ConfigSources,
} from '@backstage/config-loader';
import { JsonObject } from '@backstage/types';
import { supplySettings } from './supplySettings';

const settings = () => ({ enabled: true, staleTimeout: 'PT12H' });

/** Configurations as tests and as real backends have them. */
async function loaded(data: JsonObject): Promise<Config> {
  return ConfigSources.toConfig(
    StaticConfigSource.create({ data, context: 'test' }),
  );
}

const KINDS: [string, (data: JsonObject) => Config | Promise<Config>][] = [
  ['of a real backend', loaded],
  ['of a test', data => mockServices.rootConfig({ data })],
  ['of one source', data => new ConfigReader(data)],
];

describe.each(KINDS)('supplySettings on the configuration %s', (_, create) => {
  async function supplied(data: JsonObject): Promise<Config> {
    const config = await create(data);
    supplySettings(config, settings);
    return config;
  }

  it('answers what nobody has set, by each way of asking', async () => {
    for (const data of [
      {},
      { scaffolder: { recoverTasks: true } },
      { scaffolder: { taskRecovery: {} } },
    ]) {
      const config = await supplied(data);
      expect(config.has('scaffolder')).toBe(true);
      expect(config.has('scaffolder.taskRecovery.enabled')).toBe(true);
      expect(config.get('scaffolder.taskRecovery')).toEqual(settings());
      expect(config.getOptional('scaffolder.taskRecovery.enabled')).toBe(true);
      expect(config.getBoolean('scaffolder.taskRecovery.enabled')).toBe(true);
      expect(config.getOptionalBoolean('scaffolder.taskRecovery.enabled')).toBe(
        true,
      );
      expect(config.getString('scaffolder.taskRecovery.staleTimeout')).toBe(
        'PT12H',
      );
      for (const block of [
        config.getConfig('scaffolder.taskRecovery'),
        config.getOptionalConfig('scaffolder.taskRecovery')!,
        config.getConfig('scaffolder').getConfig('taskRecovery'),
        config
          .getOptionalConfig('scaffolder')!
          .getOptionalConfig('taskRecovery')!,
      ]) {
        expect(block.keys().sort()).toEqual(['enabled', 'staleTimeout']);
        expect(block.has('enabled')).toBe(true);
        expect(block.getBoolean('enabled')).toBe(true);
        expect(block.get()).toEqual(settings());
        expect(
          readDurationFromConfig(block, { key: 'staleTimeout' }),
        ).toMatchObject({ hours: 12 });
      }
      expect((config.get() as any).scaffolder.taskRecovery).toEqual(settings());
      expect(config.keys()).toContain('scaffolder');
    }
  });

  it('leaves what is set, and all other keys', async () => {
    const data = {
      app: { title: 'x', scaffolder: { taskRecovery: 1 } },
      scaffolder: {
        concurrentTasksLimit: 5,
        taskRecoveryOfMine: { a: 1 },
        taskRecovery: {
          enabled: false,
          staleTimeout: { minutes: 5 },
          more: [1],
        },
      },
    };
    const config = await supplied(data);
    expect(config.get()).toEqual(data);
    expect(config.get('scaffolder')).toEqual(data.scaffolder);
    expect(config.getOptionalBoolean('scaffolder.taskRecovery.enabled')).toBe(
      false,
    );
    expect(
      readDurationFromConfig(config, {
        key: 'scaffolder.taskRecovery.staleTimeout',
      }),
    ).toEqual({ minutes: 5 });
    expect(
      config.getConfig('scaffolder').getNumber('concurrentTasksLimit'),
    ).toBe(5);
    expect(config.has('scaffolder.nothing')).toBe(false);
    expect(config.getOptional('nothing')).toBeUndefined();
    expect(config.getOptionalConfig('scaffolder.nothing')).toBeUndefined();
    expect(config.getString('app.title')).toBe('x');
    expect(() => config.getString('scaffolder.concurrentTasksLimit')).toThrow(
      `'scaffolder.concurrentTasksLimit'`,
    );
  });
});

describe('supplySettings', () => {
  it('goes by what is configured when it is asked, also for a part that was taken before', async () => {
    const source = MutableConfigSource.create({ data: {}, context: 'test' });
    const config = await ConfigSources.toConfig(source);
    supplySettings(config, configured => ({
      enabled: true,
      staleTimeout: configured.getOptionalString('wanted') ?? 'PT12H',
    }));
    const part = config.getConfig('scaffolder');
    expect(part.getString('taskRecovery.staleTimeout')).toBe('PT12H');
    const changed = new Promise<void>(resolve => {
      config.subscribe!(resolve);
    });
    source.setData({
      wanted: 'PT1H',
      scaffolder: { taskRecovery: { enabled: false } },
    });
    await changed;
    expect(part.getString('taskRecovery.staleTimeout')).toBe('PT1H');
    expect(part.getBoolean('taskRecovery.enabled')).toBe(false);
    expect(config.getString('scaffolder.taskRecovery.staleTimeout')).toBe(
      'PT1H',
    );
    config.close();
  });
});

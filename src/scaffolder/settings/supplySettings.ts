import { Config, ConfigReader } from '@backstage/config';
import { JsonObject } from '@backstage/types';
import { ConfigBlock } from './ConfigBlock';

/** What is supplied below `scaffolder.taskRecovery`, for what is configured now. */
type Settings = (configured: Config) => JsonObject;

const PARENT = 'scaffolder';
const BLOCK = `${PARENT}.taskRecovery`;

type Accessor = Exclude<keyof Config, 'subscribe'>;

const ACCESSORS: Accessor[] = [
  ...(['has', 'keys', 'get', 'getOptional'] as const),
  ...(['getConfig', 'getOptionalConfig'] as const),
  ...(['getConfigArray', 'getOptionalConfigArray'] as const),
  ...(['getNumber', 'getOptionalNumber'] as const),
  ...(['getBoolean', 'getOptionalBoolean'] as const),
  ...(['getString', 'getOptionalString'] as const),
  ...(['getStringArray', 'getOptionalStringArray'] as const),
];

/**
 * Lets a configuration answer settings of the scaffolder that nobody has set. What is set always wins, and all other keys are left to
 * the configuration itself.
 *
 * The scaffolder reads them by full keys from the root configuration, when it is initialised and again in each poll
 * (`isTaskRecoveryEnabled` and `StorageTaskBroker.recoverTasks`, 4.2.0). A module is initialised before its plugin and gets the same
 * object, so it is that object whose accessors are replaced.
 *
 * @param settings - asked at each access, so that a configuration that is loaded anew counts
 * @returns which settings nobody has set now, and a way to leave the configuration as it was.
 */
export function supplySettings(
  config: Config,
  settings: Settings,
): { supplied: JsonObject; withdraw(): void } {
  const own = ACCESSORS.map(
    name => [name, Object.getOwnPropertyDescriptor(config, name)] as const,
  );
  // A reader calls itself for what it answers. Those calls are about what is configured.
  const asking = { isOngoing: false };
  const ask = (name: Accessor) => {
    const accessor = config[name].bind(config) as (key?: string) => unknown;
    return (key?: string) => {
      const before = asking.isOngoing;
      asking.isOngoing = true;
      try {
        return accessor(key);
      } finally {
        asking.isOngoing = before;
      }
    };
  };
  const configured = Object.fromEntries(
    ACCESSORS.map(name => [name, ask(name)]),
  ) as unknown as Config;

  const missing = () =>
    Object.fromEntries(
      Object.entries(settings(configured)).filter(
        ([key]) => !configured.has(`${BLOCK}.${key}`),
      ),
    );
  const withSettings = () =>
    ConfigReader.fromConfigs([
      {
        context: 'the recovery module of the scaffolder',
        data: { [PARENT]: { taskRecovery: missing() } },
      },
      { context: 'app-config', data: configured.get() as JsonObject },
    ]);

  for (const name of ACCESSORS) {
    Object.defineProperty(config, name, {
      configurable: true,
      value(key?: string) {
        if (asking.isOngoing || !isConcerned(name, key)) {
          return (configured[name] as (k?: string) => unknown)(key);
        }
        const isBlock = name === 'getConfig' || name === 'getOptionalConfig';
        const found = (withSettings()[name] as (k?: string) => unknown)(key);
        // One that was taken before the configuration is loaded anew shows what it is then.
        return isBlock && found ? new ConfigBlock(config, key!) : found;
      },
    });
  }
  return {
    supplied: missing(),
    withdraw() {
      for (const [name, descriptor] of own) {
        delete config[name];
        if (descriptor) {
          Object.defineProperty(config, name, descriptor);
        }
      }
    },
  };
}

/** Whether an answer has what is supplied in it. */
function isConcerned(name: Accessor, key: string | undefined): boolean {
  return key === undefined
    ? name !== 'has'
    : key === PARENT || key === BLOCK || key.startsWith(`${BLOCK}.`);
}

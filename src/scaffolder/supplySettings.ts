import { Config, ConfigReader } from '@backstage/config';
import { JsonObject, JsonValue } from '@backstage/types';

/** What is supplied below `scaffolder.taskRecovery`, for what is configured now. */
export type Settings = (configured: Config) => JsonObject;

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
 */
export function supplySettings(config: Config, settings: Settings): void {
  // A reader calls itself for what it answers. Those calls are about what is configured.
  let isAsking = false;
  const ask = (name: Accessor) => {
    const accessor = config[name].bind(config) as (key?: string) => unknown;
    return (key?: string) => {
      const before = isAsking;
      isAsking = true;
      try {
        return accessor(key);
      } finally {
        isAsking = before;
      }
    };
  };
  const configured = Object.fromEntries(
    ACCESSORS.map(name => [name, ask(name)]),
  ) as unknown as Config;

  const withSettings = () => {
    const missing = Object.entries(settings(configured)).filter(
      ([key]) => !configured.has(`${BLOCK}.${key}`),
    );
    return ConfigReader.fromConfigs([
      {
        context: 'the recovery module of the scaffolder',
        data: { [PARENT]: { taskRecovery: Object.fromEntries(missing) } },
      },
      { context: 'app-config', data: configured.get() as JsonObject },
    ]);
  };

  for (const name of ACCESSORS) {
    Object.defineProperty(config, name, {
      configurable: true,
      value(key?: string) {
        if (isAsking || !isConcerned(name, key)) {
          return (configured[name] as (k?: string) => unknown)(key);
        }
        const isBlock = name === 'getConfig' || name === 'getOptionalConfig';
        const found = (withSettings()[name] as (k?: string) => unknown)(key);
        // One that was taken before the configuration is loaded anew shows what it is then.
        return isBlock && found ? new Block(config, key!) : found;
      },
    });
  }
}

/** Whether an answer has what is supplied in it. */
function isConcerned(name: Accessor, key: string | undefined): boolean {
  return key === undefined
    ? name !== 'has'
    : key === PARENT || key === BLOCK || key.startsWith(`${BLOCK}.`);
}

/** A part of a configuration, which asks the whole. */
class Block implements Config {
  constructor(
    private readonly root: Config,
    private readonly prefix: string,
  ) {}

  #key(key?: string): string {
    return key === undefined ? this.prefix : `${this.prefix}.${key}`;
  }

  subscribe(onChange: () => void) {
    return this.root.subscribe?.(onChange) ?? { unsubscribe() {} };
  }

  has(key: string) {
    return this.root.has(this.#key(key));
  }

  keys() {
    return Object.keys(this.root.getOptional<JsonObject>(this.prefix) ?? {});
  }

  get<T = JsonValue>(key?: string): T {
    return this.root.get(this.#key(key));
  }

  getOptional<T = JsonValue>(key?: string): T | undefined {
    return this.root.getOptional(this.#key(key));
  }

  getConfig(key: string) {
    return this.root.getConfig(this.#key(key));
  }

  getOptionalConfig(key: string) {
    return this.root.getOptionalConfig(this.#key(key));
  }

  getConfigArray(key: string) {
    return this.root.getConfigArray(this.#key(key));
  }

  getOptionalConfigArray(key: string) {
    return this.root.getOptionalConfigArray(this.#key(key));
  }

  getNumber(key: string) {
    return this.root.getNumber(this.#key(key));
  }

  getOptionalNumber(key: string) {
    return this.root.getOptionalNumber(this.#key(key));
  }

  getBoolean(key: string) {
    return this.root.getBoolean(this.#key(key));
  }

  getOptionalBoolean(key: string) {
    return this.root.getOptionalBoolean(this.#key(key));
  }

  getString(key: string) {
    return this.root.getString(this.#key(key));
  }

  getOptionalString(key: string) {
    return this.root.getOptionalString(this.#key(key));
  }

  getStringArray(key: string) {
    return this.root.getStringArray(this.#key(key));
  }

  getOptionalStringArray(key: string) {
    return this.root.getOptionalStringArray(this.#key(key));
  }
}

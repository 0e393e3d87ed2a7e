import { Config } from '@backstage/config';
import { JsonObject, JsonValue } from '@backstage/types';

/** A part of a configuration, which asks the whole. */
export class ConfigBlock implements Config {
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

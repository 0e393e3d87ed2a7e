import { createHmac, createSecretKey, KeyObject } from 'node:crypto';

/** A key, and the name by which what is encrypted with it finds it. */
export type EncryptionKey = { id: string; secret: KeyObject };

/** How many bytes a key has: AES-256. */
export const KEY_BYTES = 32;

/** How many bytes the id of a key takes. */
export const KEY_ID_BYTES = 4;

/** Any text that is the same for all keys. The id of a key depends on it. */
const ID_OF = 'scaffolder-recovery encryption key';

/** The keys of this installation. The first one encrypts, all decrypt. None: nothing is encrypted. */
export class EncryptionKeys {
  readonly #byId: Map<string, EncryptionKey>;

  /** @param keys - of 32 bytes each */
  constructor(keys: Uint8Array[]) {
    this.#byId = new Map(keys.map(toKey).map(key => [key.id, key]));
  }

  /** The one that encrypts. */
  get first(): EncryptionKey | undefined {
    return this.#byId.values().next().value;
  }

  get ids(): string[] {
    return [...this.#byId.keys()];
  }

  find(id: string): EncryptionKey | undefined {
    return this.#byId.get(id);
  }
}

/** Eight hex digits that tell nothing of the key. */
export function keyIdOf(key: Uint8Array): string {
  return createHmac('sha256', key)
    .update(ID_OF)
    .digest('hex')
    .slice(0, 2 * KEY_ID_BYTES);
}

function toKey(key: Uint8Array): EncryptionKey {
  return { id: keyIdOf(key), secret: createSecretKey(key) };
}

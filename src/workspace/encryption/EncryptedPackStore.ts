import { PackStore } from '../stores/PackStore';
import { decrypt, encrypt, isEncrypted, Place } from './encryption';
import { EncryptionKeys } from './EncryptionKeys';

/**
 * Encrypts packs on their way to a store, if there is a key, and decrypts them on their way back. A pack from before there was one is
 * returned as it is: its content is checked by the hashes in the manifest.
 *
 * On the main thread: 1 MB takes less than 1 ms.
 */
export class EncryptedPackStore implements PackStore {
  constructor(
    private readonly store: PackStore,
    private readonly keys: EncryptionKeys,
  ) {}

  async put(taskId: string, pack: string, content: Uint8Array): Promise<void> {
    const key = this.keys.first;
    const stored = key ? encrypt(key, placeOf(taskId, pack), content) : content;
    await this.store.put(taskId, pack, stored);
  }

  async get(taskId: string, pack: string): Promise<Uint8Array | undefined> {
    const stored = await this.store.get(taskId, pack);
    return stored && isEncrypted(stored)
      ? decrypt(
          this.keys,
          { place: placeOf(taskId, pack), what: `Pack ${pack}` },
          stored,
        )
      : stored;
  }

  async list(taskId: string): Promise<string[]> {
    return this.store.list(taskId);
  }

  async delete(taskId: string, names: string[]): Promise<void> {
    await this.store.delete(taskId, names);
  }

  async check(): Promise<void> {
    await this.store.check?.();
  }
}

function placeOf(taskId: string, pack: string): Place {
  return ['pack', taskId, pack];
}

import { randomBytes, randomUUID } from 'node:crypto';
import { UnreadableError, WorkspaceError } from '../engine/tree/WorkspaceError';
import { compress } from '../engine/packs/packFormat';
import { PackStore } from '../stores/PackStore';
import { EncryptedPackStore } from './EncryptedPackStore';
import { decryptManifest, encryptManifest } from './encryptedManifest';
import { isEncrypted } from './encryption';
import { EncryptionKeys } from './EncryptionKeys';

const TASK = randomUUID();
const PACK = randomUUID();
const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const none = new EncryptionKeys([]);
const before = new EncryptionKeys([oldKey]);
const rotated = new EncryptionKeys([newKey, oldKey]);
const CONTENT = compress(Buffer.from('what nobody else may read'));

/** A store that keeps packs in memory. */
class MemoryStore implements PackStore {
  readonly packs = new Map<string, Uint8Array>();

  async put(taskId: string, pack: string, content: Uint8Array) {
    this.packs.set(`${taskId}/${pack}`, content);
  }

  async get(taskId: string, pack: string) {
    return this.packs.get(`${taskId}/${pack}`);
  }

  async delete(taskId: string, packs: string[]) {
    packs.forEach(pack => this.packs.delete(`${taskId}/${pack}`));
  }

  async list(taskId: string) {
    return [...this.packs.keys()]
      .filter(key => key.startsWith(taskId))
      .map(key => key.slice(taskId.length + 1));
  }
}

/** Each with one bit other than it should be. */
function* changed(stored: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < stored.length; i++) {
    const copy = Uint8Array.from(stored);
    // eslint-disable-next-line no-bitwise
    copy[i] ^= 1;
    yield copy;
  }
}

describe('EncryptedPackStore', () => {
  async function stored(keys: EncryptionKeys) {
    const store = new MemoryStore();
    await new EncryptedPackStore(store, keys).put(TASK, PACK, CONTENT);
    const [bytes] = store.packs.values();
    return { store, bytes };
  }

  it('encrypts with the first key and decrypts with all', async () => {
    const { store, bytes } = await stored(before);
    expect(isEncrypted(bytes)).toBe(true);
    expect(Buffer.from(bytes).includes(CONTENT.subarray(1))).toBe(false);
    for (const keys of [before, rotated]) {
      const read = await new EncryptedPackStore(store, keys).get(TASK, PACK);
      expect(Buffer.from(read!)).toEqual(Buffer.from(CONTENT));
    }
    const afterwards = await stored(rotated);
    await expect(
      new EncryptedPackStore(afterwards.store, before).get(TASK, PACK),
    ).rejects.toThrow(UnreadableError);
  });

  it('never encrypts the same to the same', async () => {
    const [one, other] = [await stored(before), await stored(before)];
    expect(one.bytes).not.toEqual(other.bytes);
  });

  it('reads what was stored before there was a key, and stores it as it is without one', async () => {
    const { store, bytes } = await stored(none);
    expect(bytes).toBe(CONTENT);
    expect(isEncrypted(bytes)).toBe(false);
    const read = await new EncryptedPackStore(store, rotated).get(TASK, PACK);
    expect(read).toBe(CONTENT);
  });

  it('says which key is missing, and where it belongs', async () => {
    const { store } = await stored(before);
    const [lost] = before.ids;
    for (const [keys, known] of [
      [none, 'empty'],
      [new EncryptionKeys([newKey]), rotated.ids[0]],
    ] as const) {
      await expect(
        new EncryptedPackStore(store, keys).get(TASK, PACK),
      ).rejects.toThrow(
        `Pack ${PACK} is encrypted with the key ${lost}, which is not in scaffolder.recoverTasksWorkspaces.encryptionKeys (${known})`,
      );
    }
  });

  it('reads nothing of a pack with a single bit changed, cut off, of another pack or of another task', async () => {
    const { store, bytes } = await stored(before);
    const encrypted = new EncryptedPackStore(store, before);
    for (const copy of changed(bytes)) {
      await store.put(TASK, PACK, copy);
      if (isEncrypted(copy)) {
        await expect(encrypted.get(TASK, PACK)).rejects.toThrow(WorkspaceError);
      }
    }
    for (const length of [1, 2, 6, 17, 18, 33, 34, bytes.length - 1]) {
      await store.put(TASK, PACK, bytes.subarray(0, length));
      await expect(encrypted.get(TASK, PACK)).rejects.toThrow(WorkspaceError);
    }
    const [otherTask, otherPack] = [randomUUID(), randomUUID()];
    await store.put(TASK, otherPack, bytes);
    await store.put(otherTask, PACK, bytes);
    for (const [task, pack] of [
      [TASK, otherPack],
      [otherTask, PACK],
    ]) {
      await expect(encrypted.get(task, pack)).rejects.toThrow(
        'it was changed, or belongs to something else',
      );
    }
  });

  it('returns nothing of a pack that is not there', async () => {
    const store = new EncryptedPackStore(new MemoryStore(), before);
    expect(await store.get(TASK, PACK)).toBeUndefined();
  });
});

describe('an encrypted manifest', () => {
  const place = { taskId: TASK, number: 3 };
  const full = [Buffer.from([1, 1, 7, 8]), Buffer.from([0xe5, 1, 2])];

  it('is told from a delta without its key, and read with it', async () => {
    for (const kind of [0, 1]) {
      const parts = [Buffer.from([1, kind, 9]), Buffer.alloc(3_000, 5)];
      const stored = [...encryptManifest(before, place, parts)];
      expect(stored[0][1]).toBe(kind);
      expect(await decryptManifest(rotated, place, stored)).toEqual(parts);
    }
  });

  it('is read as it is from before there was a key, whatever its further parts begin with', async () => {
    expect([...encryptManifest(none, place, full)]).toEqual(full);
    expect(await decryptManifest(before, place, full)).toEqual(full);
  });

  it('is refused with a single bit changed, or with parts in another order, missing, of another snapshot or task', async () => {
    const stored = [...encryptManifest(before, place, full)];
    for (const [i, part] of stored.entries()) {
      for (const copy of changed(part)) {
        const parts = stored.with(i, Buffer.from(copy));
        if (isEncrypted(parts[0])) {
          await expect(decryptManifest(before, place, parts)).rejects.toThrow(
            WorkspaceError,
          );
        }
      }
    }
    const [first, second] = stored;
    for (const [other, parts] of [
      [place, [second, first]],
      [place, [first]],
      [place, [first, first]],
      [{ ...place, number: 4 }, stored],
      [{ ...place, taskId: randomUUID() }, stored],
    ] as const) {
      await expect(decryptManifest(before, other, [...parts])).rejects.toThrow(
        'it was changed, or belongs to something else',
      );
    }
  });

  it('says which key is missing', async () => {
    const stored = [...encryptManifest(before, place, full)];
    await expect(decryptManifest(none, place, stored)).rejects.toThrow(
      `Part 0 of the manifest of snapshot 3 is encrypted with the key ${before.ids[0]}, which is not in`,
    );
  });
});

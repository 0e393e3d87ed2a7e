import { randomBytes, randomUUID } from 'node:crypto';
import { UnreadableError, WorkspaceError } from '../errors';
import { compress } from '../engine/packs/packFormat';
import { decryptPack, encryptPack } from './encryptedPack';
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

/** Each with one bit other than it should be. */
function* changed(stored: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < stored.length; i++) {
    const copy = Uint8Array.from(stored);
    // eslint-disable-next-line no-bitwise
    copy[i] ^= 1;
    yield copy;
  }
}

describe('an encrypted pack', () => {
  const place = { taskId: TASK, pack: PACK };

  it('is encrypted with the first key and decrypted with all', () => {
    const stored = encryptPack(before, place, CONTENT);
    expect(isEncrypted(stored)).toBe(true);
    expect(Buffer.from(stored).includes(Buffer.from(CONTENT.subarray(1)))).toBe(
      false,
    );
    for (const keys of [before, rotated]) {
      const read = decryptPack(keys, place, stored);
      expect(Buffer.from(read)).toEqual(Buffer.from(CONTENT));
    }
    const afterwards = encryptPack(rotated, place, CONTENT);
    expect(() => decryptPack(before, place, afterwards)).toThrow(
      UnreadableError,
    );
  });

  it('is never twice the same', () => {
    const [one, other] = [1, 2].map(() => encryptPack(before, place, CONTENT));
    expect(one).not.toEqual(other);
  });

  it('is read as it is from before there was a key, and not encrypted without one', () => {
    expect(encryptPack(none, place, CONTENT)).toBe(CONTENT);
    expect(isEncrypted(CONTENT)).toBe(false);
    expect(decryptPack(rotated, place, CONTENT)).toBe(CONTENT);
  });

  it('says which key is missing, and where it belongs', () => {
    const stored = encryptPack(before, place, CONTENT);
    for (const [keys, known] of [
      [none, 'empty'],
      [new EncryptionKeys([newKey]), rotated.ids[0]],
    ] as const) {
      expect(() => decryptPack(keys, place, stored)).toThrow(
        `Pack ${PACK} is encrypted with the key ${before.ids[0]}, which is not in scaffolder.recoverTasksWorkspaces.encryptionKeys (${known})`,
      );
    }
  });

  it('is refused with a single bit changed, cut off, as another pack or of another task', () => {
    const stored = encryptPack(before, place, CONTENT);
    for (const copy of [...changed(stored)].filter(isEncrypted)) {
      expect(() => decryptPack(before, place, copy)).toThrow(WorkspaceError);
    }
    for (const length of [1, 2, 6, 17, 18, 33, 34, stored.length - 1]) {
      const part = stored.subarray(0, length);
      expect(() => decryptPack(before, place, part)).toThrow(WorkspaceError);
    }
    for (const other of [
      { ...place, pack: randomUUID() },
      { ...place, taskId: randomUUID() },
    ]) {
      expect(() => decryptPack(before, other, stored)).toThrow(
        'it was changed, or belongs to something else',
      );
    }
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

  it('shows one byte of it in clear, however many parts it has', () => {
    const parts = [1, 7, 9].map(byte => Buffer.alloc(3_000, byte));
    const stored = [...encryptManifest(before, place, parts)];
    expect(stored.map(part => part[1])).toEqual([1, 0, 0]);
  });

  it('is read as it is from before there was a key, whatever its further parts begin with', async () => {
    expect([...encryptManifest(none, place, full)]).toEqual(full);
    expect(await decryptManifest(before, place, full)).toEqual(full);
  });

  it('is refused with a single bit changed, or with parts in another order, missing, of another snapshot or task', async () => {
    const stored = [...encryptManifest(before, place, full)];
    const copies = stored.flatMap((part, i) =>
      [...changed(part)].map(copy => stored.with(i, Buffer.from(copy))),
    );
    for (const parts of copies.filter(([first]) => isEncrypted(first))) {
      await expect(decryptManifest(before, place, parts)).rejects.toThrow(
        WorkspaceError,
      );
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

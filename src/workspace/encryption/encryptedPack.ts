import { decrypt, encrypt, isEncrypted, Place } from './encryption';
import { EncryptionKeys } from './EncryptionKeys';

/** Which pack it is. */
type PackPlace = { taskId: string; pack: string };

/** Encrypts a pack, if there is a key. 1 MB takes less than 1 ms. */
export function encryptPack(
  keys: EncryptionKeys,
  pack: PackPlace,
  content: Uint8Array,
): Uint8Array {
  const key = keys.first;
  return key ? encrypt(key, placeOf(pack), content) : content;
}

/**
 * Decrypts a pack. One from before there was a key is returned as it is: its content is checked by the hashes in the manifest.
 *
 * @throws UnreadableError and WorkspaceError as `decrypt` does.
 */
export function decryptPack(
  keys: EncryptionKeys,
  pack: PackPlace,
  stored: Uint8Array,
): Uint8Array {
  const what = `Pack ${pack.pack}`;
  return isEncrypted(stored)
    ? decrypt(keys, { place: placeOf(pack), what }, stored)
    : stored;
}

function placeOf({ taskId, pack }: PackPlace): Place {
  return ['pack', taskId, pack];
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import { toBuffer } from '../../util/toBuffer';
import { decrypt, encrypt, isEncrypted, Place } from './encryption';
import { EncryptionKeys } from './EncryptionKeys';

/** Which manifest it is. */
type ManifestPlace = { taskId: string; number: number };

/** More would keep the process from other work for too long: 1 MB takes less than 1 ms. */
const PARTS_AT_ONCE = 8;

/**
 * Encrypts the parts of a manifest, each when it is asked for, if there is a key. The second byte of the first part, by which a full
 * manifest is distinguished from a delta, stays readable in its place.
 */
export function* encryptManifest(
  keys: EncryptionKeys,
  manifest: ManifestPlace,
  parts: Buffer[],
): Generator<Buffer> {
  const key = keys.first;
  for (const [i, part] of parts.entries()) {
    yield key
      ? toBuffer(
          encrypt(
            key,
            placeOf(manifest, i, parts.length),
            part,
            i === 0 ? part[1] : 0,
          ),
        )
      : part;
  }
}

/**
 * Decrypts the parts of a manifest. One from before there was a key is returned as it is.
 *
 * @throws UnreadableError and WorkspaceError as `decrypt` does.
 */
export async function decryptManifest(
  keys: EncryptionKeys,
  manifest: ManifestPlace,
  parts: Buffer[],
): Promise<Buffer[]> {
  // A further part of one that is not encrypted begins with anything.
  if (!isEncrypted(parts[0])) {
    return parts;
  }
  const decrypted: Buffer[] = [];
  for (const [i, part] of parts.entries()) {
    if (i % PARTS_AT_ONCE === PARTS_AT_ONCE - 1) {
      await nextTurn();
    }
    const place = placeOf(manifest, i, parts.length);
    const what = `Part ${i} of the manifest of snapshot ${manifest.number}`;
    decrypted.push(decrypt(keys, { place, what }, part));
  }
  return decrypted;
}

/** With the count, so that it is noticed if the last ones are missing. */
function placeOf(
  { taskId, number }: ManifestPlace,
  part: number,
  count: number,
): Place {
  return ['manifest', taskId, number, part, count];
}

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { UnreadableError, WorkspaceError } from '../errors';
import { EncryptionKey, EncryptionKeys, KEY_ID_BYTES } from './EncryptionKeys';
import { ENCRYPTION_KEYS } from '../../util/ownSettings';

/**
 * What is encrypted looks like this, in bytes:
 *
 *     1   marker
 *     1   a byte in clear, which the caller chooses
 *     4   id of the key
 *     12  nonce
 *     n   ciphertext
 *     16  tag
 *
 * AES-256-GCM. The tag covers all of it, and the place that it belongs to: what is moved elsewhere cannot be read there. The nonces are
 * random, which NIST SP 800-38D (8.3) allows for 2^32 encryptions with one key; at a thousand a minute these take eight years.
 */
const ALGORITHM = 'aes-256-gcm';

/** Neither packs nor manifests that are not encrypted begin with it (`packFormat.ts`, `manifestFormat.ts`). */
const MARKER = 0xe5;
const CLEAR_BYTES = 2;
const HEAD_BYTES = CLEAR_BYTES + KEY_ID_BYTES;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BEFORE = HEAD_BYTES + NONCE_BYTES;

/** Names what bytes belong to. Only with the same they can be decrypted. */
export type Place = readonly (string | number)[];

/** Whether bytes were encrypted here, with any key. */
export function isEncrypted(stored: Uint8Array): boolean {
  return stored[0] === MARKER;
}

/**
 * @param clear - a byte that stays readable as the second one, 0 if it does not matter
 * @returns bytes with memory of their own
 */
export function encrypt(
  { id, secret }: EncryptionKey,
  place: Place,
  bytes: Uint8Array,
  clear = 0,
): Uint8Array<ArrayBuffer> {
  const stored = new Uint8Array(BEFORE + bytes.length + TAG_BYTES);
  stored.set([MARKER, clear]);
  stored.set(Buffer.from(id, 'hex'), CLEAR_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  stored.set(nonce, HEAD_BYTES);
  const cipher = createCipheriv(ALGORITHM, secret, nonce);
  cipher.setAAD(boundTo(place, stored));
  stored.set(cipher.update(bytes), BEFORE);
  // It is a stream cipher: nothing is left for the end.
  cipher.final();
  stored.set(cipher.getAuthTag(), BEFORE + bytes.length);
  return stored;
}

/**
 * @param what - names it in errors
 * @throws UnreadableError if the key is not configured.
 * @throws WorkspaceError if it is not what was encrypted for this place.
 */
export function decrypt(
  keys: EncryptionKeys,
  { place, what }: { place: Place; what: string },
  stored: Uint8Array,
): Buffer {
  const id = Buffer.from(stored.subarray(CLEAR_BYTES, HEAD_BYTES)).toString(
    'hex',
  );
  const key = keys.find(id);
  if (!key) {
    throw new UnreadableError(
      `${what} is encrypted with the key ${id}, which is not in ${ENCRYPTION_KEYS} (${keys.ids.join(', ') || 'empty'}). Add it after the key that is to encrypt`,
    );
  }
  try {
    const end = Math.max(stored.length - TAG_BYTES, BEFORE);
    const decipher = createDecipheriv(
      ALGORITHM,
      key.secret,
      stored.subarray(HEAD_BYTES, BEFORE),
      { authTagLength: TAG_BYTES },
    );
    decipher.setAAD(boundTo(place, stored));
    decipher.setAuthTag(stored.subarray(end));
    const bytes = decipher.update(stored.subarray(BEFORE, end));
    decipher.final();
    return bytes;
  } catch {
    // Node.js says no more than that.
    throw new WorkspaceError(
      `${what} is not what was encrypted with the key ${id}: it was changed, or belongs to something else`,
    );
  }
}

/** JSON, so that no two places are the same bytes. */
function boundTo(place: Place, stored: Uint8Array): Buffer {
  return Buffer.concat([
    stored.subarray(0, HEAD_BYTES),
    Buffer.from(JSON.stringify(place)),
  ]);
}

import { Config } from '@backstage/config';
import { ENCRYPTION_KEYS } from '../../util/ownSettings';
import { EncryptionKeys, KEY_BYTES, keyIdOf } from './EncryptionKeys';

const BASE64 =
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Reads the keys that encrypt what is stored of workspaces.
 *
 * @param problems - gets what is wrong with them, if anything is, without any part of a key
 */
export function readEncryptionKeys(
  config: Config,
  problems: string[],
): EncryptionKeys {
  const keys: Uint8Array[] = [];
  const ids = new Set<string>();
  for (const [i, text] of readTexts(config, problems).entries()) {
    const key = BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
    if (key?.length !== KEY_BYTES) {
      const found = key ? `has ${key.length} bytes` : 'is not base64';
      problems.push(
        `${ENCRYPTION_KEYS}[${i}] ${found}; it must be the base64 of ${KEY_BYTES} bytes. \`openssl rand -base64 32\` makes one.`,
      );
      continue;
    }
    const id = keyIdOf(key);
    if (ids.has(id)) {
      problems.push(
        `${ENCRYPTION_KEYS}[${i}] is there twice (key ${id}). Remove one of the two.`,
      );
    }
    ids.add(id);
    keys.push(key);
  }
  return new EncryptionKeys(keys);
}

function readTexts(config: Config, problems: string[]): string[] {
  try {
    const texts = config.getOptionalStringArray(ENCRYPTION_KEYS) ?? [];
    // A key that comes from a file or a secret often ends with a line break.
    return texts.map(text => text.trim());
  } catch {
    // What it says could hold a part of a key.
    problems.push(
      `${ENCRYPTION_KEYS} must be a list of texts, each the base64 of ${KEY_BYTES} bytes. A variable of the environment that is not set is none.`,
    );
    return [];
  }
}

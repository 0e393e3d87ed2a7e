import { JsonValue } from '@backstage/types';
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

const READERS: Record<string, (text: string) => JsonValue> = {
  $text: text => text,
  $json: text => JSON.parse(text),
  $yaml: text => parse(text),
};

/**
 * Puts in place what the catalog would read for `$text`, `$json` and `$yaml`: from where the template is, which is not where the catalog
 * reads its copy. What is not a file beside it stays.
 */
export function resolvePlaceholders<T extends JsonValue>(
  value: T,
  directory: string,
): T {
  return JSON.parse(JSON.stringify(value), (_, part) => {
    if (!part || typeof part !== 'object' || Array.isArray(part)) {
      return part;
    }
    const [[key, target], ...others] = [...Object.entries(part), []];
    const read = READERS[key as string];
    if (!read || others.length > 1 || typeof target !== 'string') {
      return part;
    }
    const file = path.resolve(directory, target);
    return fs.existsSync(file) ? read(fs.readFileSync(file, 'utf8')) : part;
  });
}

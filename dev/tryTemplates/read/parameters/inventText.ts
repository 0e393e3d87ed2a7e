import { JsonObject } from '@backstage/types';
import fc from 'fast-check';

/** What people enter, the most usual first. */
const USUAL = [
  'my-service',
  'my_service',
  'myservice',
  'MyService',
  'com.example.app',
  'My service',
  'my-org/my-service',
  'group:default/my-team',
  'https://example.com/my-service',
  'somebody@example.com',
  'main',
  '1.0.0',
  '12345',
  '8080',
  '10.0.0.0/16',
  'us-east-1',
  '123456789012',
  'arn:aws:iam::123456789012:role/my-role',
  'ABC-123',
  'ABC',
  '2026-01-01',
];

const FORMATS: Record<string, string> = {
  email: 'somebody@example.com',
  uri: 'https://example.com/my-service',
  url: 'https://example.com/my-service',
  hostname: 'my-service.example.com',
  ipv4: '10.0.0.1',
  date: '2026-01-01',
  'date-time': '2026-01-01T00:00:00Z',
  time: '12:00:00Z',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/** As many texts of a pattern are drawn until one has the right length. */
const DRAWS = 100;

/**
 * A text that fits a schema: one that people would enter, or else one that is drawn from the pattern, always the same.
 *
 * @throws Error that says why there is none
 */
export function inventText(schema: JsonObject): string {
  const { pattern, format } = schema;
  const { minLength = 0, maxLength = Infinity } = schema as any;
  const fitsLength = (text: string) =>
    text.length >= minLength && text.length <= maxLength;
  if (typeof pattern !== 'string') {
    const usual = FORMATS[`${format}`] ?? USUAL[0];
    return usual.padEnd(minLength, '-more').slice(0, Math.min(maxLength, 1e6));
  }
  const regex = compile(pattern);
  const usual = [...Object.values(FORMATS), ...USUAL, ...USUAL.map(shorten)];
  const fitting = [...USUAL, ...usual].find(
    text => fitsLength(text) && regex.test(text),
  );
  if (fitting !== undefined) {
    return fitting;
  }
  const drawn = draw(regex).find(text => fitsLength(text) && regex.test(text));
  if (drawn === undefined) {
    throw new Error(`no text was found for its pattern ${pattern}`);
  }
  return drawn;
}

function shorten(text: string): string {
  return text.slice(0, 3);
}

function compile(pattern: string): RegExp {
  try {
    // As the scaffolder's validation reads it.
    return new RegExp(pattern, 'u');
  } catch {
    try {
      return new RegExp(pattern);
    } catch {
      throw new Error(`its pattern ${pattern} is not a regular expression`);
    }
  }
}

function draw(regex: RegExp): string[] {
  try {
    return fc.sample(fc.stringMatching(regex), { seed: 1, numRuns: DRAWS });
  } catch {
    // It does not know all that a pattern may have, such as looking ahead.
    return [];
  }
}

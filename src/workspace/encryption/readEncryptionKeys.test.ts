import { mockServices } from '@backstage/backend-test-utils';
import { JsonValue } from '@backstage/types';
import { randomBytes } from 'node:crypto';
import { keyIdOf } from './EncryptionKeys';
import { readEncryptionKeys } from './readEncryptionKeys';

const KEY = randomBytes(32);
const BASE64 = KEY.toString('base64');

function read(encryptionKeys?: JsonValue) {
  const data = { scaffolder: { recoverTasksWorkspaces: { encryptionKeys } } };
  const problems: string[] = [];
  const config = mockServices.rootConfig({ data: data as any });
  return { keys: readEncryptionKeys(config, problems), problems };
}

describe('readEncryptionKeys', () => {
  it.each([undefined, []])('has no key for %j', value => {
    const { keys, problems } = read(value);
    expect([keys.first, keys.ids, problems]).toEqual([undefined, [], []]);
  });

  it('takes keys in their order, also with a line break at the end', () => {
    const other = randomBytes(32);
    const { keys, problems } = read([`${BASE64}\n`, other.toString('base64')]);
    expect(problems).toEqual([]);
    expect(keys.ids).toEqual([keyIdOf(KEY), keyIdOf(other)]);
    expect(keys.first?.id).toBe(keyIdOf(KEY));
    expect(keyIdOf(KEY)).toMatch(/^[0-9a-f]{8}$/);
  });

  const whatIsRight =
    'it must be the base64 of 32 bytes. `openssl rand -base64 32` makes one.';

  it.each([
    [['c2hvcnQ='], `[0] has 5 bytes; ${whatIsRight}`],
    [[BASE64, KEY.toString('hex')], `[1] has 48 bytes; ${whatIsRight}`],
    [['no base64!'], `[0] is not base64; ${whatIsRight}`],
    [[BASE64.slice(0, -1)], `[0] is not base64; ${whatIsRight}`],
    [
      [BASE64, BASE64],
      `[1] is there twice (key ${keyIdOf(KEY)}). Remove one of the two.`,
    ],
    [BASE64, ' must be a list of texts'],
    [[7], ' must be a list of texts'],
  ])('says what is wrong with %j, and nothing of the key', (value, problem) => {
    const { problems } = read(value);
    expect(problems).toEqual([
      expect.stringContaining(
        `scaffolder.recoverTasksWorkspaces.encryptionKeys${problem}`,
      ),
    ]);
    expect(problems[0]).not.toContain(BASE64.slice(0, 8));
  });
});

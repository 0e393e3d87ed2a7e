import { mockServices } from '@backstage/backend-test-utils';
import { JsonValue } from '@backstage/types';
import { readBoolean, readNumber, readString } from './readSetting';

const above = {
  be: 'a number above 0',
  isMet: (value: number) => value > 0,
};

describe('readSetting', () => {
  let problems: string[];
  beforeEach(() => {
    problems = [];
  });

  const configWith = (x: JsonValue) =>
    mockServices.rootConfig({ data: { my: { x } } });

  it('finds what is set, also as a text that the environment has', () => {
    expect(readBoolean(configWith(false), 'my.x', true, problems)).toBe(false);
    expect(readBoolean(configWith('true'), 'my.x', false, problems)).toBe(true);
    expect(readNumber(configWith('7'), 'my.x', 1, problems, above)).toBe(7);
    expect(readNumber(configWith(0), 'my.x', 1, problems)).toBe(0);
    expect(readString(configWith('a'), 'my.x', 'b', problems)).toBe('a');
    expect(problems).toEqual([]);
  });

  it('goes by what is given where nothing is set', () => {
    const config = configWith(null);
    expect(readBoolean(config, 'my.x', true, problems)).toBe(true);
    expect(readBoolean(config, 'my.y', undefined, problems)).toBeUndefined();
    expect(readNumber(config, 'my.y', 1, problems, above)).toBe(1);
    expect(readString(config, 'none.y', 'b', problems)).toBe('b');
    expect(problems).toEqual([]);
  });

  it('reports what is not what it must be, and goes by what is given', () => {
    expect(readBoolean(configWith(3), 'my.x', true, problems)).toBe(true);
    expect(readNumber(configWith('x'), 'my.x', 1, problems)).toBe(1);
    expect(readNumber(configWith(-2), 'my.x', 1, problems, above)).toBe(1);
    expect(readString(configWith(['a']), 'my.x', 'b', problems)).toBe('b');
    expect(problems).toEqual([
      'my.x is 3; it must be true or false.',
      'my.x is "x"; it must be a number.',
      'my.x is -2; it must be a number above 0.',
      'my.x is ["a"]; it must be a text.',
    ]);
  });

  it('reports what the setting is below if that has no settings', () => {
    expect(readString(configWith('a'), 'my.x.y', 'b', problems)).toBe('b');
    expect(problems).toEqual([
      expect.stringMatching(/^my\.x\.y cannot be read: .*'my\.x'/),
    ]);
  });
});

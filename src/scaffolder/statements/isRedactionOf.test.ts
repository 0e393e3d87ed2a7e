import { isRedactionOf } from './isRedactionOf';

describe('isRedactionOf', () => {
  it.each([
    ['a b c', 'a b c', true],
    ['a *** c', 'a b c', true],
    ['***', 'a b c', true],
    ['*** b ***', 'a b c', true],
    ['a***c***c', 'abcbc', true],
    ['a b', 'a b c', false],
    ['*** b', 'a b c', false],
    ['a *** d', 'a b c', false],
    ['a b c***b c', 'a b c', false],
    ['***b***a***', 'a b c', false],
  ])('compares %s with %s: %s', (text, original, is) => {
    expect(isRedactionOf(text, original)).toBe(is);
  });
});

import { isOlder } from './isOlder';

describe('isOlder', () => {
  it('compares number by number, not as text', () => {
    expect(isOlder('3.9.2', '3.44.0')).toBe(true);
    expect(isOlder('3.43.2', '3.44.0')).toBe(true);
    expect(isOlder('3.44', '3.44.0')).toBe(false);
    expect(isOlder('3.44.1', '3.44.0')).toBe(false);
    expect(isOlder('4.0.0', '3.44.0')).toBe(false);
  });
});

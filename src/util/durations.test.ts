import { formatDuration } from './durations';

describe('a duration in words', () => {
  it.each([
    [0.4, '0 s'],
    [119.4, '119 s'],
    [119.6, '2 min'],
    [7_140, '119 min'],
    [7_500, '2 h 5 min'],
    [86_400, '24 h 0 min'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

import { readSecrets } from './taskSecrets';

describe('readSecrets', () => {
  it.each(['{}', '[]', '17', '{"__initiatorCredentials":"{"}'])(
    'finds no sign-in in secrets that a worker can read: %s',
    text => {
      expect(readSecrets(text)).toEqual({ state: 'readable' });
    },
  );

  it.each([null, '', 'null'])('finds %j to be gone', text => {
    expect(readSecrets(text)).toEqual({ state: 'gone' });
  });
});

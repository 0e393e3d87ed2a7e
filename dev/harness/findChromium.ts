import fs from 'node:fs';
import path from 'node:path';

const NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
];

/**
 * The browser's executable, which npm does not bring.
 *
 * @throws Error that says how to get one.
 */
export function findChromium(): string {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  const found =
    CHROMIUM_PATH ??
    PATH.split(path.delimiter)
      .flatMap(folder => NAMES.map(name => path.join(folder, name)))
      .find(file => fs.existsSync(file));
  if (!found) {
    throw new Error(
      `None of ${NAMES.join(', ')} is on the PATH. Install one (on Debian: ` +
        `apt-get install chromium), or set CHROMIUM_PATH to the executable of Chromium or Chrome.`,
    );
  }
  return found;
}

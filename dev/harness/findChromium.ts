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
  const found =
    process.env.CHROMIUM_PATH ??
    (process.env.PATH ?? '')
      .split(path.delimiter)
      .flatMap(folder => NAMES.map(name => path.join(folder, name)))
      .find(file => fs.existsSync(file));
  if (!found) {
    throw new Error(
      `No ${NAMES.join(' or ')} on the PATH. On Debian: apt-get install chromium. Or set CHROMIUM_PATH to the executable of Chromium or Chrome.`,
    );
  }
  return found;
}

import { findProgram } from './findProgram';

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
  const found = process.env.CHROMIUM_PATH ?? findProgram(...NAMES);
  if (!found) {
    throw new Error(
      `No ${NAMES.join(' or ')} on the PATH. On Debian: apt-get install chromium. Or set CHROMIUM_PATH to the executable of Chromium or Chrome.`,
    );
  }
  return found;
}

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
  return (
    process.env.CHROMIUM_PATH ??
    findProgram(
      NAMES,
      'On Debian: apt-get install chromium. Or set CHROMIUM_PATH to the executable of Chromium or Chrome.',
    )
  );
}

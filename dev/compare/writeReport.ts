import fs from 'node:fs/promises';
import path from 'node:path';

const REPOSITORY = path.resolve(__dirname, '../..');
const PAGE = path.join(REPOSITORY, 'docs/comparison.md');
const README = path.join(REPOSITORY, 'README.md');

const BEGIN = '<!-- compare -->';
const END = '<!-- /compare -->';

/**
 * Writes the page, and the extract into the README between its two markers.
 *
 * @throws Error if the README has no markers
 */
export async function writeReport(page: string, extract: string) {
  const readme = await fs.readFile(README, 'utf8');
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`README.md has to have the lines ${BEGIN} and ${END}`);
  }
  await fs.writeFile(PAGE, page);
  await fs.writeFile(
    README,
    `${readme.slice(0, begin + BEGIN.length)}\n\n${extract}\n\n${readme.slice(
      end,
    )}`,
  );
}

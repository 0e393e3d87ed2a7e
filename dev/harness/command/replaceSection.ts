import fs from 'node:fs/promises';
import path from 'node:path';

/**
 * Replaces what stands in a Markdown page between `<!-- name -->` and `<!-- /name -->`. Goes to the end of a page without these lines.
 *
 * @param page - below the repository
 */
export async function replaceSection(
  page: string,
  name: string,
  text: string,
): Promise<void> {
  const file = path.resolve(__dirname, '../../..', page);
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const content = await fs.readFile(file, 'utf8');
  const [before, rest] = content.split(begin);
  const after = rest?.split(end)[1] ?? '\n';
  await fs.writeFile(
    file,
    `${before.trimEnd()}\n\n${begin}\n\n${text}\n\n${end}${after}`,
  );
}

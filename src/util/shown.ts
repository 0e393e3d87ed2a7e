/** So much of a value or an id is shown: an author can put a megabyte into a template, and messages go into logs, rows and notifications. */
const MOST_CHARACTERS = 100;

/** So many ids are listed in a message, or fewer if they are long. */
const MOST_LISTED = 20;
const MOST_LISTED_CHARACTERS = 500;

/** A value as people read it in a message, cut if it is long. YAML allows values that contain themselves. */
export function shown(value: unknown): string {
  try {
    return shortened(JSON.stringify(value) ?? String(value));
  } catch {
    return Array.isArray(value)
      ? 'a list that is not JSON'
      : 'a value that is not JSON';
  }
}

/** A text, such as the id of a step, cut if it is long, between two characters and not within one. */
export function shortened(text: string): string {
  if (text.length <= MOST_CHARACTERS) {
    return text;
  }
  const cut = text.slice(0, MOST_CHARACTERS);
  return `${cut.replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The words as a list for people, cut if it is long, such as `a, b and 3 more`. */
export function listed(
  words: Iterable<string>,
  separator: string = ', ',
): string {
  const all = [...words];
  let text = '';
  let count = 0;
  while (
    count < Math.min(all.length, MOST_LISTED) &&
    text.length < MOST_LISTED_CHARACTERS
  ) {
    text += (count > 0 ? separator : '') + all[count];
    count += 1;
  }
  return count < all.length ? `${text} and ${all.length - count} more` : text;
}

/** The words in quotes, as a list for people, cut if it is long. */
export function quoted(words: Iterable<string>): string {
  return listed([...words].map(inQuotes));
}

/** A text, such as the id of a step, in quotes, cut if it is long. */
export function inQuotes(text: string): string {
  return `'${shortened(text)}'`;
}

import { distance } from 'fastest-levenshtein';

/** `; did you mean 'x'?` for the most similar of the words, or nothing if none is similar enough to be meant. */
export function didYouMean(found: string, words: Iterable<string>): string {
  const furthest = Math.max(1, Math.floor(found.length / 3));
  const [best] = [...words]
    .map(word => ({
      word,
      edits: distance(found.toLowerCase(), word.toLowerCase()),
    }))
    .filter(({ edits }) => edits <= furthest)
    .sort((a, b) => a.edits - b.edits);
  return best ? `; did you mean '${best.word}'?` : '';
}

/** The words in quotes, as a list for people. */
export function quoted(words: Iterable<string>): string {
  return [...words].map(word => `'${word}'`).join(', ');
}

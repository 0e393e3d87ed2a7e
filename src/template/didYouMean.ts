import { distance } from 'fastest-levenshtein';

/** Nobody misspells a longer word, and comparing two of a megabyte would take this process minutes. */
const LONGEST = 100;

/** `; did you mean 'x'?` for the most similar of the words, or nothing if none is similar enough to be meant. */
export function didYouMean(found: string, words: Iterable<string>): string {
  if (found.length > LONGEST) {
    return '';
  }
  const furthest = Math.max(1, Math.floor(found.length / 3));
  const [best] = [...words]
    .filter(word => Math.abs(word.length - found.length) <= furthest)
    .map(word => ({
      word,
      edits: distance(found.toLowerCase(), word.toLowerCase()),
    }))
    .filter(({ edits }) => edits <= furthest)
    .sort((a, b) => a.edits - b.edits);
  return best ? `; did you mean '${best.word}'?` : '';
}

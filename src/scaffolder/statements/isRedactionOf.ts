const REDACTED = '***';

/** Whether a text is another one, parts of which may have been replaced by asterisks. */
export function isRedactionOf(text: string, original: string): boolean {
  const [first, ...others] = text.split(REDACTED);
  const last = others.pop();
  if (last === undefined) {
    return text === original;
  }
  if (!original.startsWith(first)) {
    return false;
  }
  // The first occurrence of each is right if any is. A regular expression would try them all.
  let at = first.length;
  for (const part of others) {
    const found = original.indexOf(part, at);
    if (found < 0) {
      return false;
    }
    at = found + part.length;
  }
  return original.endsWith(last) && original.length - last.length >= at;
}

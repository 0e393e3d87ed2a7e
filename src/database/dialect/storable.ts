/**
 * PostgreSQL refuses texts with a character 0 or with half a character, which the id of a step or a key in a template may have: both are
 * escaped in JSON.
 */
export function storable(text: string | undefined | null): string | null {
  return (
    text?.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\ufffd') ?? null
  );
}

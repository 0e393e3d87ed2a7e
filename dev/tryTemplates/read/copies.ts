import type { FoundTemplate, Template } from './template';

/** A recovery strategy, or the lack of a block that names one. */
export type Strategy = 'none' | 'restart' | 'idempotent';

/** What the catalog takes as a name. */
const MAX_LENGTH = 63;

/** A name of its own for each template: what it is called, with a number where another one is called so. */
export function uniqueNames(templates: FoundTemplate[]): string[] {
  const taken = new Set<string>();
  return templates.map(({ entity: { metadata } }) => {
    const name = metadata.name.replace(/[^\w.-]/g, '-');
    for (let i = 1; ; i++) {
      const suffix = i === 1 ? '' : `-${i}`;
      const candidate = `${name.slice(0, MAX_LENGTH - suffix.length)}${suffix}`;
      if (!taken.has(candidate.toLowerCase())) {
        taken.add(candidate.toLowerCase());
        return candidate;
      }
    }
  });
}

/** The template with a strategy, in the default namespace. Nothing else of its spec changes. */
export function copyOf(
  template: Template,
  name: string,
  strategy: Strategy,
): Template {
  const { namespace, ...metadata } = template.metadata;
  return {
    ...template,
    metadata: { ...metadata, name },
    spec: { ...template.spec, recovery: { strategy } },
  };
}

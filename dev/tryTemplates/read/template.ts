import { JsonObject, JsonValue } from '@backstage/types';

/** A step as its author wrote it. */
type TemplateStep = JsonObject & {
  id?: string;
  name?: string;
  action: string;
  input?: JsonObject;
};

/** A template as its author wrote it. */
export type Template = JsonObject & {
  metadata: JsonObject & { name: string };
  spec: JsonObject & { steps: TemplateStep[]; parameters?: JsonValue };
};

/** A template of the folder that is tried. */
export type FoundTemplate = {
  /** Where it is, below the folder. */
  file: string;
  entity: Template;
};

/** Something that is not tried, or not compared. */
export type LeftOut = {
  /** Its name, or its file if it has none. */
  name: string;
  reason: string;
};

/** All texts in something, such as the expressions of a template. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') {
    return [value];
  }
  return value && typeof value === 'object'
    ? Object.values(value).flatMap(textsOf)
    : [];
}

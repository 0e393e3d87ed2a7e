import { JsonObject, JsonValue } from '@backstage/types';

/** A JSON schema, or the part of one that is read here. */
export type Schema = JsonObject;

/**
 * Whether values fit what a branch says of properties by `const` and `enum`, which is how the branches of a form differ.
 *
 * @param isStrict - whether what is required must be there
 */
export function admits(
  branch: Schema,
  values: JsonObject,
  isStrict = false,
): boolean {
  const isMissing = listOf(branch.required).some(key => !(`${key}` in values));
  if (isStrict && isMissing) {
    return false;
  }
  return Object.entries(blockOf(branch.properties)).every(([key, property]) => {
    if (!isSchema(property) || !(key in values)) {
      return true;
    }
    const accepted =
      property.const === undefined ? property.enum : [property.const];
    return (
      !Array.isArray(accepted) ||
      accepted.some(v => JSON.stringify(v) === JSON.stringify(values[key]))
    );
  });
}

/** What one of the branches of a schema says of a property. */
export function findProperty(schema: Schema, key: string): Schema | undefined {
  const branches = [schema.oneOf, schema.anyOf, schema.allOf].flat();
  for (const branch of branches) {
    const property = isSchema(branch) && blockOf(branch.properties)[key];
    if (isSchema(property)) {
      return property;
    }
  }
  return undefined;
}

/** What a schema refers to, if it does. Nothing if that is not there. */
export function resolveRef(schema: Schema, root: Schema): Schema | undefined {
  if (typeof schema.$ref !== 'string') {
    return schema;
  }
  const [, ...keys] = schema.$ref.split('/');
  let found: JsonValue | undefined = root;
  for (const key of keys) {
    found = isSchema(found) ? found[key] : undefined;
  }
  return isSchema(found) ? found : undefined;
}

export function isSchema(value: unknown): value is Schema {
  return Boolean(value) && typeof value === 'object' && !Array.isArray(value);
}

export function blockOf(value: unknown): JsonObject {
  return isSchema(value) ? value : {};
}

export function listOf(value: unknown): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

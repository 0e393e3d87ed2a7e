import { JsonObject, JsonValue } from '@backstage/types';
import { inventText } from './inventText';
import {
  admits,
  blockOf,
  findProperty,
  isSchema,
  listOf,
  resolveRef,
  Schema,
} from './schema';
import { valueOfField } from './uiFields';

/** The values that a person might have entered, and what could not be filled. */
type Filled = {
  values: JsonObject;
  unfilled: { name: string; reason: string }[];
};

/** Which properties get a value: all of them, or those that are required or have a default. */
type Extent = 'all' | 'required';

/** So many items an array gets, if it may: one would not show whether `each` goes on in the middle. */
const ITEMS = 2;

class Filler {
  readonly unfilled: Filled['unfilled'] = [];

  constructor(private readonly extent: Extent) {}

  /** Adds what a schema of an object asks for, if it is not there yet. */
  fillObject(
    schema: Schema,
    values: JsonObject,
    at: string,
    root: Schema,
  ): void {
    const required = listOf(schema.required);
    for (const [key, property] of Object.entries(blockOf(schema.properties))) {
      if (!isSchema(property) || key in values) {
        continue;
      }
      const isWanted =
        this.extent === 'all' ||
        required.includes(key) ||
        property.default !== undefined;
      if (isWanted) {
        this.#set(values, key, this.fill(property, `${at}${key}`, root));
      }
    }
    for (const key of required) {
      if (typeof key === 'string' && !(key in values)) {
        // It is described elsewhere, such as in a branch, or nowhere.
        const described = findProperty(schema, key) ?? {};
        this.#set(values, key, this.fill(described, `${at}${key}`, root));
      }
    }
    this.#fillDependencies(schema, values, at, root);
    for (const part of [schema.allOf ?? []].flat()) {
      if (isSchema(part)) {
        this.#fillConditional(part, values, at, root);
      }
    }
    if (schema.if !== undefined) {
      this.#fillConditional(
        { if: schema.if, then: schema.then, else: schema.else },
        values,
        at,
        root,
      );
    }
    const branches = [schema.oneOf ?? schema.anyOf ?? []].flat();
    const branch = branches.find(b => isSchema(b) && admits(b, values));
    if (isSchema(branch)) {
      this.fillObject(branch, values, at, root);
    }
  }

  /** A value for a schema. Nothing if there is none. */
  fill(schema: Schema, name: string, root: Schema): JsonValue | undefined {
    const resolved = resolveRef(schema, root);
    if (!resolved) {
      return this.#miss(name, `its ${schema.$ref} is not in the schema`);
    }
    const [given] = [
      resolved.default,
      resolved.const,
      listOf(resolved.enum)[0],
      listOf(resolved.examples)[0],
    ].filter(v => v !== undefined && fits(v, resolved));
    if (given !== undefined) {
      return given;
    }
    const field = valueOfField(resolved);
    if (field !== undefined) {
      return field;
    }
    const type = [resolved.type].flat().find(t => t !== 'null');
    if (type === undefined && !resolved.properties) {
      const [branch] = [resolved.oneOf ?? resolved.anyOf ?? []].flat();
      if (isSchema(branch)) {
        return this.fill(branch, name, root);
      }
    }
    switch (type ?? (resolved.properties ? 'object' : 'string')) {
      case 'string':
        return this.#text(resolved, name);
      case 'number':
      case 'integer':
        return number(resolved);
      case 'boolean':
        return true;
      case 'array':
        return this.#items(resolved, name, root);
      case 'object': {
        const values: JsonObject = {};
        this.fillObject(resolved, values, `${name}.`, root);
        return values;
      }
      default:
        return this.#miss(name, `its type is ${JSON.stringify(type)}`);
    }
  }

  #text(schema: Schema, name: string): string | undefined {
    try {
      return inventText(schema);
    } catch (error) {
      return this.#miss(name, (error as Error).message);
    }
  }

  #items(schema: Schema, name: string, root: Schema): JsonValue[] {
    const { minItems = 0, maxItems = Infinity } = schema as any;
    const items = isSchema(schema.items) ? schema.items : {};
    const choices = listOf(items.enum);
    const count = Math.min(maxItems, Math.max(minItems, ITEMS));
    const filled: JsonValue[] = [];
    for (let i = 0; i < count; i++) {
      const value =
        choices.length > 0 ? choices[i] : this.fill(items, `${name}[]`, root);
      if (value === undefined) {
        break;
      }
      filled.push(distinguish(value, items, i));
    }
    return filled;
  }

  /** What other properties bring with them: a list of names, a schema, or branches by their value. */
  #fillDependencies(
    schema: Schema,
    values: JsonObject,
    at: string,
    root: Schema,
  ): void {
    const dependencies = {
      ...blockOf(schema.dependencies),
      ...blockOf(schema.dependentSchemas),
    };
    for (const [key, dependent] of Object.entries(dependencies)) {
      if (!(key in values)) {
        continue;
      }
      if (Array.isArray(dependent)) {
        const { properties } = schema;
        const more = { properties, required: dependent } as Schema;
        this.fillObject(more, values, at, root);
      } else if (isSchema(dependent)) {
        this.fillObject(dependent, values, at, root);
      }
    }
  }

  #fillConditional(
    part: Schema,
    values: JsonObject,
    at: string,
    root: Schema,
  ): void {
    if (part.if === undefined) {
      this.fillObject(part, values, at, root);
      return;
    }
    const holds = isSchema(part.if) && admits(part.if, values, true);
    const chosen = holds ? part.then : part.else;
    if (isSchema(chosen)) {
      this.fillObject(chosen, values, at, root);
    }
  }

  #set(values: JsonObject, key: string, value: JsonValue | undefined) {
    if (value !== undefined) {
      values[key] = value;
    }
  }

  #miss(name: string, reason: string): undefined {
    this.unfilled.push({ name, reason });
  }
}

/**
 * Fills the pages of a template's form: with defaults, constants, the first of an enum, examples, or something invented that fits.
 *
 * @param pages - `spec.parameters`: one JSON schema, or several
 */
export function fillParameters(
  pages: JsonValue | undefined,
  extent: Extent,
): Filled {
  const filler = new Filler(extent);
  const values: JsonObject = {};
  for (const page of [pages ?? []].flat()) {
    if (isSchema(page)) {
      filler.fillObject(page, values, '', page);
    }
  }
  return { values, unfilled: filler.unfilled };
}

/** A default that its own schema refuses is one that a person has to replace. */
function fits(value: JsonValue, schema: Schema): boolean {
  const { type, pattern, minLength } = schema;
  const choices = listOf(schema.enum);
  if (choices.length > 0 && !choices.includes(value)) {
    return false;
  }
  if (typeof value !== 'string') {
    return type !== 'string';
  }
  if (typeof minLength === 'number' && value.length < minLength) {
    return false;
  }
  try {
    return typeof pattern !== 'string' || new RegExp(pattern, 'u').test(value);
  } catch {
    return true;
  }
}

function number(schema: Schema): number {
  const { minimum, exclusiveMinimum, maximum, multipleOf } = schema as Record<
    string,
    number | undefined
  >;
  const least =
    minimum ??
    (typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : 1);
  const step = multipleOf ?? 1;
  return Math.min(Math.ceil(least / step) * step, maximum ?? Infinity);
}

/** Makes the items of an array differ, as far as nothing says what they have to be. */
function distinguish(value: JsonValue, schema: Schema, i: number): JsonValue {
  const isFree = ['enum', 'const', 'pattern', 'maxLength', 'format'].every(
    key => schema[key] === undefined,
  );
  return typeof value === 'string' && isFree && i > 0 && !schema['ui:field']
    ? `${value}-${i + 1}`
    : value;
}

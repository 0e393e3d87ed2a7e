/* Writes `recovery.schema.json`, from the schemas that the module itself reads templates with. */
import fs from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import {
  stepRecoverySchema,
  templateRecoverySchema,
} from '../src/template/schema';

export const SCHEMA_FILE = path.resolve(__dirname, '../recovery.schema.json');

/** A JSON schema for template files that knows their recovery blocks, and lets pass whatever else is in them. */
export function createSchema(): string {
  const blockSchema = (schema: z.ZodType) => {
    const { $schema, ...block } = z.toJSONSchema(schema);
    return block;
  };
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Recovery blocks of Backstage templates',
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          recovery: blockSchema(templateRecoverySchema),
          steps: {
            type: 'array',
            items: {
              type: 'object',
              properties: { recovery: blockSchema(stepRecoverySchema) },
            },
          },
        },
      },
    },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (require.main === module) {
  fs.writeFileSync(SCHEMA_FILE, createSchema());
}

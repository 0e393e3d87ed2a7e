import fs from 'node:fs';
import { createSchema, SCHEMA_FILE } from './schema';

describe('the JSON schema of the package', () => {
  it('is generated from the schemas of the module; if not, run npm run schema', () => {
    expect(fs.readFileSync(SCHEMA_FILE, 'utf8')).toBe(createSchema());
  });
});

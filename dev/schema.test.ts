import fs from 'node:fs';
import { createSchema, SCHEMA_FILE } from './schema';

describe('the JSON schema of the package', () => {
  it('is what the schemas of the module say; if not, run npm run schema', () => {
    expect(fs.readFileSync(SCHEMA_FILE, 'utf8')).toBe(createSchema());
  });
});

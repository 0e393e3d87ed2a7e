import { fillParameters } from './fillParameters';

const PAGE = {
  title: 'A page',
  required: ['name', 'kind'],
  properties: {
    name: { type: 'string', pattern: '^[a-z]+$' },
    kind: { type: 'string', enum: ['library', 'service'] },
    note: { type: 'string' },
    port: { type: 'integer', default: 8080 },
  },
};

describe('fillParameters', () => {
  it('fills all properties, or only those that are required or have a default', () => {
    expect(fillParameters(PAGE, 'all').values).toEqual({
      name: 'myservice',
      kind: 'library',
      note: 'my-service',
      port: 8080,
    });
    expect(fillParameters(PAGE, 'required').values).toEqual({
      name: 'myservice',
      kind: 'library',
      port: 8080,
    });
  });

  it('fills all pages into one object', () => {
    const more = { properties: { owner: { 'ui:field': 'OwnerPicker' } } };
    expect(fillParameters([PAGE, more], 'all').values).toMatchObject({
      kind: 'library',
      owner: 'group:default/my-team',
    });
  });

  it('prefers what the author gave: a default, a constant, an example', () => {
    const properties = {
      a: { type: 'string', default: 'given', enum: ['other', 'given'] },
      b: { const: 7 },
      c: { type: 'string', examples: ['like this'] },
    };
    expect(fillParameters({ properties }, 'all').values).toEqual({
      a: 'given',
      b: 7,
      c: 'like this',
    });
  });

  it.each([
    { default: '', pattern: '^[a-z-]+$' },
    { default: 'short', minLength: 6 },
    { default: { a: 1 } },
    { default: 'other', enum: ['my-service'] },
  ])('replaces a default that its own schema refuses: %j', schema => {
    const name = { type: 'string', ...schema };
    const { values } = fillParameters({ properties: { name } }, 'all');
    expect(values).toEqual({ name: 'my-service' });
  });

  it.each([
    ['RepoUrlPicker', undefined, 'github.com?owner=my-org&repo=my-service'],
    [
      'RepoUrlPicker',
      ['gitlab.com'],
      'gitlab.com?owner=my-org&repo=my-service',
    ],
    [
      'RepoUrlPicker',
      ['git.example.com'],
      'github.com?owner=my-org&repo=my-service',
    ],
    ['EntityPicker', undefined, 'component:default/my-service'],
    ['OwnerPicker', undefined, 'group:default/my-team'],
    ['acme:Unknown', undefined, 'my-service'],
  ])('fills the field %s with hosts %s', (field, allowedHosts, expected) => {
    const property = {
      type: 'string',
      'ui:field': field,
      'ui:options': { ...(allowedHosts && { allowedHosts }) },
    };
    const { values } = fillParameters({ properties: { property } }, 'all');
    expect(values).toEqual({ property: expected });
  });

  it('fills the branch of a dependency that the value chooses', () => {
    const schema = {
      properties: { kind: { enum: ['service'] } },
      dependencies: {
        kind: {
          oneOf: [
            {
              properties: { kind: { enum: ['library'] }, format: {} },
              required: ['format'],
            },
            {
              properties: {
                kind: { enum: ['service'] },
                port: { type: 'number' },
              },
              required: ['port'],
            },
          ],
        },
      },
    };
    expect(fillParameters(schema, 'all').values).toEqual({
      kind: 'service',
      port: 1,
    });
  });

  it('fills what holds if a condition does', () => {
    const schema = {
      properties: { isPublic: { type: 'boolean' } },
      allOf: [
        {
          if: { properties: { isPublic: { const: true } } },
          then: { properties: { reason: { type: 'string' } } },
          else: { properties: { team: { type: 'string' } } },
        },
      ],
    };
    expect(fillParameters(schema, 'all').values).toEqual({
      isPublic: true,
      reason: 'my-service',
    });
  });

  it('gives an array two different items, and keeps to its limits', () => {
    const properties = {
      names: { type: 'array', items: { type: 'string' } },
      one: { type: 'array', items: { type: 'string' }, maxItems: 1 },
      choices: { type: 'array', items: { enum: ['a', 'b', 'c'] }, minItems: 3 },
    };
    expect(fillParameters({ properties }, 'all').values).toEqual({
      names: ['my-service', 'my-service-2'],
      one: ['my-service'],
      choices: ['a', 'b', 'c'],
    });
  });

  it('keeps to the limits of numbers', () => {
    const properties = {
      a: { type: 'integer', minimum: 10, multipleOf: 4 },
      b: { type: 'number', exclusiveMinimum: 5 },
    };
    const { values } = fillParameters({ properties }, 'all');
    expect(values).toEqual({ a: 12, b: 6 });
  });

  it('reads what a reference names in the page', () => {
    const schema = {
      definitions: { port: { type: 'integer', minimum: 1024 } },
      properties: { port: { $ref: '#/definitions/port' } },
    };
    expect(fillParameters(schema, 'all').values).toEqual({ port: 1024 });
  });

  it('says what it cannot fill, and why', () => {
    const properties = {
      code: { type: 'string', pattern: '(' },
      thing: { $ref: '#/definitions/thing' },
    };
    const { values, unfilled } = fillParameters({ properties }, 'all');
    expect(values).toEqual({});
    expect(unfilled).toEqual([
      { name: 'code', reason: 'its pattern ( is not a regular expression' },
      {
        name: 'thing',
        reason: 'its #/definitions/thing is not in the schema',
      },
    ]);
  });

  it.each([
    ['^[a-z0-9]{3,8}$', undefined],
    ['^[A-Z]{2}-\\d{4}$', undefined],
    ['^https://', undefined],
    ['^(?!x)[a-z]+$', undefined],
    ['^[a-z-]+$', 4],
  ])('finds a text for the pattern %s', (pattern, maxLength) => {
    const text = { type: 'string', pattern, ...(maxLength && { maxLength }) };
    const { values } = fillParameters({ properties: { text } }, 'all');
    expect(values.text).toMatch(new RegExp(pattern, 'u'));
    expect(`${values.text}`.length).toBeLessThanOrEqual(maxLength ?? 100);
  });
});

import { createMockDirectory } from '@backstage/backend-test-utils';
import { copyOf, uniqueNames } from './copies';
import { findTemplates } from './findTemplates';

const directory = createMockDirectory();

function template(name: string, more = ''): string {
  return `apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: { name: ${name}, namespace: tools, labels: { a: b } }
spec:
  type: service
  steps: [{ action: debug:log }]
${more}`;
}

describe('findTemplates', () => {
  it('finds templates in all folders and documents, and passes over other files', async () => {
    directory.setContent({
      'a/template.yaml': template('a'),
      'b/all.yml': `${template('b')}---\n${template('c')}`,
      'b/skeleton/catalog-info.yaml': 'kind: Component',
      'b/skeleton/broken.yaml': '{% if values.a %} : [',
      'node_modules/d.yaml': template('d'),
    });
    const { found, leftOut } = await findTemplates(directory.path);
    expect(found.map(t => [t.entity.metadata.name, t.file])).toEqual([
      ['a', 'a/template.yaml'],
      ['b', 'b/all.yml'],
      ['c', 'b/all.yml'],
    ]);
    expect(leftOut).toEqual([]);
  });

  it('says why a template cannot be tried', async () => {
    directory.setContent({
      'broken.yaml': `${template('broken')}  - :\n ]`,
      'name.yaml': template('"${{ values.name }}"'),
      'old.yaml': template('old').replace('v1beta3', 'v1beta2'),
      'steps.yaml': template('steps').replace(/steps: .*/, 'steps: []'),
    });
    const { found, leftOut } = await findTemplates(directory.path);
    expect(found).toEqual([]);
    expect(leftOut).toEqual([
      {
        name: 'broken.yaml',
        reason: expect.stringContaining('it is not valid YAML: '),
      },
      {
        name: '${{ values.name }} (name.yaml)',
        reason:
          'it has no name of its own, as a template that is filled in first',
      },
      {
        name: 'old (old.yaml)',
        reason:
          'its apiVersion is scaffolder.backstage.io/v1beta2; scaffolder.backstage.io/v1beta3 is tried',
      },
      { name: 'steps (steps.yaml)', reason: 'it has no steps' },
    ]);
  });

  it('puts files that a template includes in their place', async () => {
    directory.setContent({
      'a/template.yaml': template('a', '  parameters: { $yaml: ./page.yaml }'),
      'a/page.yaml': 'properties: { name: { type: string } }',
    });
    const { found } = await findTemplates(directory.path);
    expect(found[0].entity.spec.parameters).toEqual({
      properties: { name: { type: 'string' } },
    });
  });
});

describe('the copies of templates', () => {
  it('have names of their own', async () => {
    directory.setContent({
      'a.yaml': template('same'),
      'b.yaml': template('Same'),
      'c.yaml': template('with spaces'),
      'd.yaml': template('long'.repeat(20)),
    });
    const { found } = await findTemplates(directory.path);
    const names = uniqueNames(found);
    expect(names.slice(0, 3)).toEqual(['same', 'Same-2', 'with-spaces']);
    expect(names[3]).toHaveLength(63);
  });

  it('differ from the template in the name, the namespace and the strategy', async () => {
    directory.setContent({ 'a.yaml': template('a') });
    const [{ entity }] = (await findTemplates(directory.path)).found;
    expect(copyOf(entity, 'b', 'idempotent')).toEqual({
      ...entity,
      metadata: { name: 'b', labels: { a: 'b' } },
      spec: { ...entity.spec, recovery: { strategy: 'idempotent' } },
    });
  });
});

import { createMockDirectory } from '@backstage/backend-test-utils';
import fs from 'node:fs';
import path from 'node:path';
import { main } from './main';

const GOOD = `apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: good
spec:
  recovery:
    strategy: idempotent
  steps:
    - id: create
      action: acme:create
    - id: fetch
      action: fetch:template
    - id: publish
      action: publish:github
      recovery:
        dependsOn: fetch
`;
const BROKEN = `${GOOD.replace('name: good', 'name: broken').replace(
  'dependsOn: fetch',
  `dependsOn:
          - create
          - fetsh`,
)}`;
const WARNED = GOOD.replace('name: good', 'name: warned').replace(
  `      recovery:
        dependsOn: fetch
`,
  '',
);

describe('the command', () => {
  const directory = createMockDirectory();
  let out: string;
  let error: string;
  const run = (...args: string[]) => {
    out = '';
    error = '';
    return main(args, {
      out: text => {
        out += text;
      },
      error: text => {
        error += text;
      },
    });
  };
  const file = (name: string) => path.join(directory.path, name);

  beforeEach(() =>
    directory.setContent({
      'good.yaml': GOOD,
      'broken.yaml': BROKEN,
      'warned.yaml': WARNED,
      'many.yaml': `${GOOD}---\nkind: Component\nspec:\n  recovery: 7\n---\n${BROKEN}`,
      'other.yaml': 'kind: Component\n',
      'no.yaml': '# scaffolder.backstage.io/\na: [1\nb: *c',
      'actions.yaml': 'actions:\n  publish:github: {}\n',
      deep: { 'good.yaml': GOOD },
    }),
  );

  it('prints the plan of a template and exits with 0', async () => {
    expect(await run('check', file('good.yaml'))).toBe(0);
    expect(out)
      .toBe(`${file('good.yaml')}: template 'good', strategy 'idempotent':

  interrupted at  skipped  run again                        goes on at  files
  --------------  -------  -------------------------------  ----------  -------------------------
  create          -        -                                create      none
  fetch           create   -                                fetch       as of the end of 'create'
  publish         create   fetch ('publish' depends on it)  publish     as of the end of 'create'`);
    expect(error).toBe('1 file, 1 template: 0 errors, 0 warnings');
  });

  it('shows no files where no snapshots are kept', async () => {
    const good = file('good.yaml');
    expect(await run('check', '--without-snapshots', good)).toBe(0);
    expect(out).toBe(`${good}: template 'good', strategy 'idempotent':

  interrupted at  skipped  run again                        goes on at
  --------------  -------  -------------------------------  ----------
  create          -        -                                create
  fetch           create   -                                fetch
  publish         create   fetch ('publish' depends on it)  publish`);
  });

  it('reports where an error is and exits with 1', async () => {
    expect(await run('check', file('broken.yaml'))).toBe(1);
    expect(out.split('\n')[0]).toBe(
      `${file(
        'broken.yaml',
      )}:18:13  error  template 'broken': Step 'publish' depends on 'fetsh', which is not a step of this template; did you mean 'fetch'? Expected one of the steps before it: 'create', 'fetch'`,
    );
    expect(out).toContain('no plan, since its recovery is invalid');
  });

  it('warns, and exits with 1 only if it is to be strict', async () => {
    const warned = file('warned.yaml');
    expect(await run('check', '--strict', warned)).toBe(0);
    const without = ['check', '--without-snapshots'];
    expect(await run(...without, warned)).toBe(0);
    expect(out.split('\n')[0]).toBe(
      `${file(
        'warned.yaml',
      )}:13:7  warning  template 'warned': 'publish' reads the workspace that 'fetch' filled; after a restart it would be empty without snapshots. Add recovery: { dependsOn: [fetch] }`,
    );
    expect(await run(...without, '--strict', warned)).toBe(1);
    expect(
      await run(
        ...[...without, '--strict', '--config', file('actions.yaml')],
        file('warned.yaml'),
      ),
    ).toBe(0);
  });

  it('checks all documents of a file, and ignores those that are no templates', async () => {
    expect(await run('check', file('many.yaml'), file('other.yaml'))).toBe(1);
    expect(out.match(/: {2}error|error {2}/g)).toHaveLength(1);
    expect(out).toContain(`${file('many.yaml')}:39:13  error`);
    expect(error).toBe('2 files, 2 templates: 1 error, 0 warnings');
  });

  it('takes patterns', async () => {
    expect(await run('check', `${directory.path}/**/good.yaml`)).toBe(0);
    expect(error).toContain('2 files, 2 templates');
  });

  it('passes over what templates are made of, which may be no YAML', async () => {
    directory.addContent({ 'skeleton.yaml': '{% if x %}\na: {{ b }}\n' });
    expect(await run('check', file('skeleton.yaml'))).toBe(0);
    expect(error).toBe('1 file, 0 templates: 0 errors, 0 warnings');
  });

  it('reports a file that cannot be read, and checks the others', async () => {
    directory.addContent({ 'secret.yaml': GOOD });
    jest.spyOn(fs, 'readFileSync').mockImplementationOnce(() => {
      throw new Error('EACCES');
    });
    expect(await run('check', file('secret.yaml'), file('good.yaml'))).toBe(1);
    expect(out).toContain(
      `${file('secret.yaml')}:1:1  error  Could not be read: EACCES`,
    );
    expect(error).toContain('1 template');
  });

  it('reports a recovery block that contains itself', async () => {
    directory.addContent({
      'self.yaml': GOOD.replace('strategy: idempotent', 'strategy: &a [*a]'),
    });
    expect(await run('check', file('self.yaml'))).toBe(1);
    expect(out).toContain('spec.recovery.strategy is');
  });

  it.each([
    [
      'recovery:\n    strategy',
      'recovry:\n    strategy',
      `spec has recovry, which is unknown; did you mean 'recovery'?`,
    ],
    [
      '      recovery:\n        dependsOn',
      '      dependsOn: fetch\n      x:\n        dependsOn',
      `Step 'publish' has dependsOn beside its action, where it is ignored; did you mean recovery.dependsOn?`,
    ],
    [
      '  recovery:\n    strategy: idempotent\n',
      '',
      `Step 'publish' has a recovery block, which is ignored, since the template has no spec.recovery.strategy`,
    ],
  ])(
    'warns of what is most likely a typo: %j as %j',
    async (from, to, message) => {
      directory.addContent({ 'typo.yaml': GOOD.replace(from, to) });
      expect(await run('check', '--strict', file('typo.yaml'))).toBe(1);
      expect(out).toContain(message);
    },
  );

  it('reports a file that is not YAML, and checks the others', async () => {
    expect(await run('check', file('no.yaml'), file('broken.yaml'))).toBe(1);
    expect(out).toContain(`${file('no.yaml')}:3:1  error  `);
    expect(out).toContain(`'fetsh'`);
  });

  it('prints JSON for machines', async () => {
    expect(
      await run(
        'check',
        '--format',
        'json',
        file('good.yaml'),
        file('broken.yaml'),
      ),
    ).toBe(1);
    expect(JSON.parse(out)).toEqual({
      findings: [
        {
          file: file('broken.yaml'),
          line: 18,
          column: 13,
          severity: 'error',
          message: expect.stringContaining(`'fetsh'`),
        },
      ],
      templates: [
        {
          file: file('good.yaml'),
          name: 'good',
          strategy: 'idempotent',
          plan: expect.arrayContaining([
            {
              interruptedAt: 'publish',
              skipped: ['create'],
              again: [
                {
                  stepId: 'fetch',
                  because: { kind: 'neededBy', stepIds: ['publish'] },
                },
              ],
              goesOnAt: 'publish',
              files: { kind: 'snapshot', stepId: 'create' },
            },
          ]),
        },
        { file: file('broken.yaml'), name: 'broken', strategy: 'none' },
      ],
    });
  });

  it('prints annotations for GitHub', async () => {
    await run('check', '--format', 'github', file('broken.yaml'));
    expect(out).toMatch(
      /^::error file=[^:,]+broken\.yaml,line=18,col=13::template 'broken': Step 'publish' depends on 'fetsh'/,
    );
    expect(out.split('\n')).toHaveLength(1);
    await run('check', '--format', 'github', file('good.yaml'));
    expect(out).toBe('');
  });

  it.each([
    [[], 'A command is missing'],
    [['chek'], `There is no command 'chek'; expected 'check'`],
    [['check'], 'Which files to check is missing'],
    [['check', '--format', 'xml', 'x'], `--format is 'xml'`],
    [['check', '--colour', 'x'], `Unknown option '--colour'`],
    [['check', 'nothing/*.yaml'], `No file fits 'nothing/*.yaml'`],
    [['check', __dirname], `is a folder; expected files and patterns`],
    [['check', '--config', 'nothing.yaml', 'x'], 'Could not read --config'],
  ])('exits with 2 and prints its usage for %j', async (args, message) => {
    expect(await run(...args)).toBe(2);
    expect(out).toBe('');
    expect(error).toContain(message);
    expect(error).toContain('Usage:');
  });

  it('exits with 2 and reports what is wrong with the file about actions', async () => {
    directory.addContent({
      'wrong.yaml': 'actions:\n  acme:x: { read: true }\n',
    });
    expect(
      await run('check', '--config', file('wrong.yaml'), file('good.yaml')),
    ).toBe(2);
    expect(error).toContain(`is wrong at 'actions.acme:x'`);
  });

  it('helps', async () => {
    expect(await run('--help')).toBe(0);
    expect(out).toContain('Usage:');
  });
});

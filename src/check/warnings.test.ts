import { ActionTraits } from './actions';
import { findWarnings as find } from './warnings';

const step = (id: string, action: string, dependsOn?: string[]) => ({
  id,
  action,
  ...(dependsOn && { recovery: { dependsOn } }),
});
const template = (strategy: string | undefined, ...steps: object[]) => ({
  ...(strategy && { recovery: { strategy } }),
  steps,
});

/** What is found where no snapshots are kept. */
const findWarnings = (
  spec: Record<string, unknown>,
  actions?: Record<string, ActionTraits>,
) => find(spec, { actions, withoutSnapshots: true });

describe('findWarnings with snapshots', () => {
  it('asks for no dependencies, since the snapshots bring the files', () => {
    expect(
      find(
        template(
          'idempotent',
          step('fetch', 'fetch:template'),
          step('publish', 'publish:github'),
        ),
      ),
    ).toEqual([]);
  });

  const login = step('login', 'acme:login');

  it.each([
    ['idempotent', step('deploy', 'acme:deploy'), 1],
    ['idempotent', step('deploy', 'acme:deploy', ['login']), 0],
    ['restart', step('deploy', 'acme:deploy'), 0],
  ])(
    'warns of what no snapshot brings back, with the strategy %s and the later step %j',
    (strategy, later, count) => {
      const warnings = find(template(strategy, login, later));
      expect(warnings).toHaveLength(count);
      expect(find(template(strategy, later, login))).toEqual([]);
    },
  );

  it('is content when one of the later steps names it', () => {
    const other = step('other', 'acme:other');
    const deploy = step('deploy', 'acme:deploy', ['login']);
    expect(find(template('idempotent', login, other, deploy))).toEqual([]);
  });

  it.each([
    ['login', 'a login on the host'],
    ['environment', 'environment variables in the process'],
    ['process', 'a process on the host'],
    ['temporary folder', 'a temporary folder on the host'],
  ] as const)('reports that a step leaves %s', (leaves, name) => {
    const [{ path, message }] = find(
      template('idempotent', step('a', 'acme:a'), step('b', 'acme:b')),
      { actions: { 'acme:a': { leaves } } },
    );
    expect(path).toEqual(['steps', 0]);
    expect(message).toBe(
      `'a' leaves ${name}, which is gone after a restart, and no snapshot of the workspace brings back. Add recovery: { dependsOn: [a] } to each later step that needs it`,
    );
  });
});

describe('findWarnings without snapshots', () => {
  const fetch = step('fetch', 'fetch:template');

  it('finds a step that reads what a restart removes, and names the line to add', () => {
    expect(
      findWarnings(
        template('idempotent', fetch, step('publish', 'publish:github')),
      ),
    ).toEqual([
      {
        path: ['steps', 1],
        message: `'publish' reads the workspace that 'fetch' filled; after a restart it would be empty without snapshots. Add recovery: { dependsOn: [fetch] }`,
      },
    ]);
  });

  it('names all that is missing, beside what is there', () => {
    const [{ message }] = findWarnings(
      template(
        'idempotent',
        fetch,
        step('docs', 'fetch:plain'),
        step('write', 'catalog:write'),
        step('publish', 'publish:github', ['docs']),
      ),
    );
    expect(message).toBe(
      `'publish' reads the workspace that 'fetch', 'write' filled; after a restart it would be empty without snapshots. Add recovery: { dependsOn: [docs, fetch, write] }`,
    );
  });

  it('is content with a dependency through another step', () => {
    expect(
      findWarnings(
        template(
          'idempotent',
          fetch,
          step('rename', 'fs:rename', ['fetch']),
          step('publish', 'publish:github', ['rename']),
        ),
      ),
    ).toEqual([]);
  });

  it.each([
    ['restart, which runs all steps again', 'restart'],
    ['none, which runs none', 'none'],
    ['no recovery block', undefined],
  ])('leaves a template alone that has %s', (_, strategy) => {
    expect(
      findWarnings(
        template(strategy, fetch, step('publish', 'publish:github')),
      ),
    ).toEqual([]);
  });

  it('does not guess about actions that it does not know', () => {
    expect(
      findWarnings(
        template('idempotent', step('a', 'acme:a'), step('b', 'acme:b')),
      ),
    ).toEqual([]);
  });

  it('takes descriptions of actions, also of those that it knows', () => {
    const spec = template(
      'idempotent',
      step('make', 'acme:make'),
      step('use', 'acme:use'),
      step('publish', 'publish:github'),
    );
    expect(
      findWarnings(spec, {
        'acme:make': { writes: true },
        'acme:*': { reads: true },
        'publish:github': {},
      }).map(w => w.path),
    ).toEqual([['steps', 1]]);
  });

  it.each(['restart', 'idempotent'])(
    'finds an effect that may happen twice with %s',
    strategy => {
      expect(
        findWarnings(
          template(strategy, step('call', 'http:backstage:request')),
        ),
      ).toEqual([
        {
          path: ['steps', 0],
          message: `'call' runs http:backstage:request, which has an effect outside and does not guard it with a checkpoint; with the strategy '${strategy}' it may happen twice. Make sure that it may, or use the strategy 'none'`,
        },
      ]);
    },
  );

  it('leaves out what a step does not read, as far as the paths show', () => {
    const to = (id: string, targetPath?: string) => ({
      ...fetch,
      id,
      input: { targetPath },
    });
    const publish = (id: string, sourcePath?: string) => ({
      ...step(id, 'publish:github'),
      input: { sourcePath },
    });
    const warnings = findWarnings(
      template(
        'idempotent',
        to('source', './source'),
        to('docs', 'source/docs/'),
        to('gitops', 'gitops'),
        to('named', 'source/${{ parameters.name }}'),
        to('any', '${{ parameters.path }}'),
        to('all'),
        publish('app', 'source/app'),
        publish('everything'),
        publish('dot', './'),
      ),
    );
    expect(warnings.map(w => w.message.match(/\[.*\]/)![0])).toEqual([
      '[source, named, any, all]',
      '[source, docs, gitops, named, any, all]',
      '[source, docs, gitops, named, any, all]',
    ]);
  });

  it.each([
    [{ method: 'GET' }, 0],
    [{ method: 'POST', idempotencyKey: 'ticket' }, 0],
    [{ method: 'POST' }, 1],
    [{ method: '${{ parameters.method }}' }, 1],
  ])('distinguishes what a request does: %j', (input, count) => {
    const call = { ...step('call', 'http:backstage:request'), input };
    expect(findWarnings(template('restart', call))).toHaveLength(count);
  });

  it('finds steps that share an id with none as well, but for alternatives', () => {
    const twice = [step('publish', 'acme:a'), step('publish', 'acme:b')];
    const alternatives = twice.map(s => ({ ...s, if: '${{ true }}' }));
    const counts = (strategy: string | undefined) =>
      [twice, alternatives].map(
        steps => findWarnings(template(strategy, ...steps)).length,
      );
    expect(counts('none')).toEqual([1, 0]);
    expect(counts(undefined)).toEqual([1, 0]);
    expect(counts('idempotent')).toEqual([1, 1]);
    expect(counts('restart')).toEqual([0, 0]);
  });

  it('finds steps that share an id, and suggests nothing that would be taken for the other', () => {
    const twice = [
      fetch,
      step('publish', 'publish:github'),
      step('more', 'fetch:template'),
      step('publish', 'publish:github'),
    ];
    expect(findWarnings(template('idempotent', ...twice))).toEqual([
      {
        path: ['steps', 3],
        message: `'publish' is also the id of an earlier step. Its output and its state replace those of that one, and after an interruption all steps with that id run again unless each of them had finished or been skipped. Give it an id of its own`,
      },
    ]);
    expect(findWarnings(template('restart', ...twice))).toEqual([]);
  });

  it('names a step once that shares its id', () => {
    const [, { message }] = findWarnings(
      template('idempotent', fetch, fetch, step('publish', 'publish:github')),
    );
    expect(message).toMatch(/that 'fetch' filled.* \[fetch\] }$/);
  });

  it('bears steps that are none', () => {
    expect(findWarnings({ recovery: { strategy: 'idempotent' } })).toEqual([]);
    expect(
      findWarnings({
        recovery: { strategy: 'idempotent' },
        steps: [null, 'x', { action: 7 }],
      }),
    ).toEqual([]);
  });
});

import {
  findAddedDuplicates,
  findDuplicates,
  LockedPackages,
} from './duplicates';

const OURS = 'our-module';
const SCAFFOLDER = '@backstage/scaffolder';

/** A backend with the scaffolder and our module, which both need the same package. */
function backendWith(
  added: LockedPackages,
  wanted: Record<string, string> = { '@backstage/node': '*' },
): LockedPackages {
  return {
    '': { dependencies: { [OURS]: '*', [SCAFFOLDER]: '*' } },
    [`node_modules/${OURS}`]: { version: '1.0.0', dependencies: wanted },
    [`node_modules/${SCAFFOLDER}`]: {
      version: '4.0.0',
      dependencies: { '@backstage/node': '*' },
    },
    'node_modules/@backstage/node': { version: '1.0.0' },
    ...added,
  };
}
const both = [{ name: '@backstage/node', versions: ['1.0.0', '2.0.0'] }];

describe('the packages that a module brings', () => {
  it('are no duplicates if it shares them with the scaffolder', () => {
    const packages = backendWith({});
    expect(findAddedDuplicates(packages, OURS, [SCAFFOLDER])).toEqual([]);
    expect(findDuplicates(packages)).toEqual([]);
  });

  it.each([OURS, SCAFFOLDER])(
    'are duplicates if %s has a copy of its own',
    owner => {
      const packages = backendWith({
        [`node_modules/${owner}/node_modules/@backstage/node`]: {
          version: '2.0.0',
        },
      });
      expect(findAddedDuplicates(packages, OURS, [SCAFFOLDER])).toEqual(both);
      expect(findDuplicates(packages)).toEqual(both);
    },
  );

  it('are duplicates if another package that it needs has a copy of its own', () => {
    const packages = backendWith(
      {
        'node_modules/between': {
          version: '1.0.0',
          dependencies: { '@backstage/node': '*' },
        },
        'node_modules/between/node_modules/@backstage/node': {
          version: '2.0.0',
        },
      },
      { '@backstage/node': '*', between: '*' },
    );
    expect(findAddedDuplicates(packages, OURS, [SCAFFOLDER])).toEqual(both);
  });

  it('are no duplicates of what a package has that it does not need', () => {
    const packages = backendWith({
      'node_modules/other': {
        version: '1.0.0',
        dependencies: { '@backstage/node': '*' },
      },
      'node_modules/other/node_modules/@backstage/node': { version: '2.0.0' },
    });
    expect(findAddedDuplicates(packages, OURS, [SCAFFOLDER])).toEqual([]);
    expect(findDuplicates(packages)).toEqual(both);
  });
});

import { readInstalledVersions } from './installedVersions';

describe('readInstalledVersions', () => {
  it('reads those of the scaffolder and of this module', () => {
    expect(readInstalledVersions()).toEqual({
      scaffolder: require('@backstage/plugin-scaffolder-backend/package.json')
        .version,
      module: require('../../../package.json').version,
    });
  });

  it('leaves out that of a scaffolder that cannot be found, as with strict package managers', () => {
    const { scaffolder, module } = readInstalledVersions(() => {
      throw new Error('Cannot find module');
    });
    expect(scaffolder).toBeUndefined();
    expect(module).toBeDefined();
  });
});

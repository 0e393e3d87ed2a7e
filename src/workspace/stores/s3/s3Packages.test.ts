import { missingS3Packages } from './s3Packages';

describe('missingS3Packages', () => {
  it('finds those that are installed', () => {
    expect(missingS3Packages()).toBeUndefined();
  });

  it.each([
    [[], '@aws-sdk/client-s3 and @backstage/integration-aws-node', 'are'],
    [['@aws-sdk/client-s3'], '@backstage/integration-aws-node', 'is'],
  ])('says how to add the others than %j', (installed, missing, are) => {
    const resolve = (name: string) => {
      if (!installed.some(i => i === name)) {
        throw new Error(`Cannot find module ${name}`);
      }
    };
    expect(missingS3Packages(resolve)).toBe(
      `A store of the type s3 needs ${missing}, which ${are} not installed. Run \`yarn --cwd packages/backend add ${missing.replace(' and', '')}\` and build the backend again.`,
    );
  });
});

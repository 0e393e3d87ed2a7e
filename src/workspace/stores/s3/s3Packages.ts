/** What is only needed, and only loaded, if a bucket is configured. */
const S3_PACKAGES = ['@aws-sdk/client-s3', '@backstage/integration-aws-node'];

/**
 * Says which packages are not installed that a bucket needs. Nothing if all are.
 *
 * @param resolve - finds a package, or throws
 */
export function missingS3Packages(
  resolve: (name: string) => unknown = name => require.resolve(name),
): string | undefined {
  const missing = S3_PACKAGES.filter(name => {
    try {
      resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  return missing.length === 0
    ? undefined
    : `A store of the type s3 needs ${missing.join(' and ')}, which ${missing.length > 1 ? 'are' : 'is'} not installed. Run \`yarn --cwd packages/backend add ${missing.join(' ')}\` and build the backend again.`;
}

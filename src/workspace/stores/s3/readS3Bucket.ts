import { Config } from '@backstage/config';
import { S3Bucket } from './S3Bucket';
import { missingS3Packages } from './s3Packages';

/** The keys that an entry of the type s3 may have. */
export const S3_KEYS = [
  'bucket',
  'prefix',
  'region',
  'endpoint',
  'forcePathStyle',
  'accountId',
];

/**
 * Reads an entry of the type s3.
 *
 * @param entry.key - where it stands, for errors
 * @throws Error that says what is wrong with it, or which packages are not installed.
 */
export function readS3Bucket(entry: { config: Config; key: string }): S3Bucket {
  const bucket = readText(entry, 'bucket');
  if (bucket === undefined) {
    throw new Error(
      `${entry.key}.bucket is not set; it must be the name of a bucket.`,
    );
  }
  const missing = missingS3Packages();
  if (missing) {
    throw new Error(`${entry.key}: ${missing}`);
  }
  return {
    bucket,
    // A key that begins with a slash, or has two in a row, is another one than it looks.
    prefix: readText(entry, 'prefix')?.replace(/^\/+|\/+$/g, '') || undefined,
    region: readText(entry, 'region'),
    endpoint: readEndpoint(entry),
    forcePathStyle: readBoolean(entry, 'forcePathStyle'),
    accountId: readText(entry, 'accountId'),
  };
}

function readEndpoint(entry: { config: Config; key: string }) {
  const endpoint = readText(entry, 'endpoint');
  if (endpoint === undefined) {
    return undefined;
  }
  if (!/^https?:\/\/[^/]/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new Error(
      `${entry.key}.endpoint is ${JSON.stringify(endpoint)}; it must be a URL that begins with https:// or http://.`,
    );
  }
  if (new URL(endpoint).username) {
    throw new Error(
      `${entry.key}.endpoint has a user in it, which would be logged. Put credentials below aws.accounts.`,
    );
  }
  return endpoint;
}

function readText(
  { config, key }: { config: Config; key: string },
  name: string,
): string | undefined {
  const found = config.getOptional(name);
  if (found !== undefined && (typeof found !== 'string' || found === '')) {
    throw new Error(
      `${key}.${name} is ${JSON.stringify(found)}; it must be a text${
        typeof found === 'number' ? ', in quotes' : ''
      }.`,
    );
  }
  return found;
}

function readBoolean(
  { config, key }: { config: Config; key: string },
  name: string,
): boolean | undefined {
  try {
    return config.getOptionalBoolean(name);
  } catch {
    throw new Error(
      `${key}.${name} is ${JSON.stringify(config.getOptional(name))}; it must be true or false.`,
    );
  }
}

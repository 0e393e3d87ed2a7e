import type * as S3Sdk from '@aws-sdk/client-s3';
import { Config } from '@backstage/config';
import type * as AwsIntegration from '@backstage/integration-aws-node';
import { addContentMd5 } from './addContentMd5';
import { S3Bucket } from './S3Bucket';

/** How long a connection, and one answer, may take, in ms. The SDK tries up to three times. */
const CONNECT_LIMIT = 5_000;
const ANSWER_LIMIT = 15_000;

/** How often the SDK tries a request that failed for reasons which may pass. */
const TRIES = 3;

/** Of a server that has none, since the SDK signs requests for one. */
const ANY_REGION = 'us-east-1';

/** A client, and the commands for it. */
export type S3 = { client: S3Sdk.S3Client; sdk: typeof S3Sdk };

/**
 * Loads the SDK and makes a client. Nothing is asked of the server yet.
 *
 * @param config - of the backend. The credentials are those that Backstage is given for AWS, below `aws`, or the ones that the SDK finds
 * in the environment of the process
 * @throws what `@backstage/integration-aws-node` says if there are no such credentials.
 */
export async function connectS3(bucket: S3Bucket, config: Config): Promise<S3> {
  // Not at the top of the file: most installations have neither.
  const sdk: typeof S3Sdk = require('@aws-sdk/client-s3');
  const {
    DefaultAwsCredentialsManager,
  }: typeof AwsIntegration = require('@backstage/integration-aws-node');
  const { accountId, endpoint, forcePathStyle } = bucket;
  const credentials = await DefaultAwsCredentialsManager.fromConfig(
    config,
  ).getCredentialProvider({ accountId });
  const client = new sdk.S3Client({
    customUserAgent: 'backstage-scaffolder-recovery',
    region: bucket.region ?? (endpoint ? ANY_REGION : undefined),
    credentials: credentials.sdkCredentialProvider,
    endpoint,
    forcePathStyle,
    maxAttempts: TRIES,
    retryMode: 'standard',
    // Since 3.729 the SDK adds checksums of its own, which several servers refuse or store as a part of the content. Nothing is lost:
    // what is restored is checked by its hashes.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_LIMIT,
      requestTimeout: ANSWER_LIMIT,
      // Without it, newer ones only log that it takes longer.
      throwOnRequestTimeout: true,
    },
  });
  addContentMd5(client);
  return { client, sdk };
}

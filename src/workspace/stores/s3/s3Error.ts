import { toError } from '@backstage/errors';
import { STORES } from '../../../util/ownSettings';
import { StoreError } from '../../errors';
import { placeOf, S3Bucket } from './S3Bucket';

/** What the SDK adds to an error that a server has sent. */
type Answered = { $metadata?: { httpStatusCode?: number }; code?: string };

/** Names of errors by which a server, or the SDK itself, refuses credentials. */
const CREDENTIALS =
  /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|CredentialsProviderError|Forbidden)/;

const OTHER_REGION =
  /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$|Region is missing/;

/**
 * Says what was asked of which bucket, what came of it, and what to check.
 *
 * @param action - the operation of S3's API, which is also the name of the permission
 */
export function s3Error(
  bucket: S3Bucket,
  action: string,
  error: unknown,
): StoreError {
  return new StoreError(
    `${action} on ${placeOf(bucket)} failed, ${said(error)}. ${advice(error)}`,
  );
}

function said(error: unknown): string {
  const { name, message, ...rest } = describe(error);
  const status = rest.status ? ` (${rest.status})` : '';
  return `${name}${status}${message ? `: ${message.replace(/\.$/, '')}` : ''}`;
}

function advice(error: unknown): string {
  const { name, message, status } = describe(error);
  if (name === 'NoSuchBucket') {
    return `Create the bucket, or correct its name or endpoint in ${STORES}`;
  }
  if (OTHER_REGION.test(name) || OTHER_REGION.test(message)) {
    return `Set the region of the bucket in ${STORES}`;
  }
  if (CREDENTIALS.test(name) || status === 401 || status === 403) {
    return `Check the credentials below aws in the configuration, or those of the process, and that they allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket`;
  }
  return `Check that the server can be reached from this backend and is well`;
}

function describe(error: unknown): {
  name: string;
  message: string;
  status: number | undefined;
} {
  const { name, message, code, $metadata } = toError(error) as Error & Answered;
  const status = $metadata?.httpStatusCode;
  // An error of a socket has no name of its own, and that of a host with several addresses no message.
  const isPlain = name === 'Error' || name === 'AggregateError';
  return { name: isPlain ? (code ?? name) : name, message, status };
}

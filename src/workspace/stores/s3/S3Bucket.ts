/** A bucket of S3, or of what speaks its protocol. */
export type S3Bucket = {
  bucket: string;
  /** Stands before all keys, without a slash at its end. Default: none. */
  prefix?: string;
  region?: string;
  /** The URL of the server, if it is not Amazon's. */
  endpoint?: string;
  /** Whether the bucket is named in the path of the URL, not in its host. */
  forcePathStyle?: boolean;
  /** The account below `aws.accounts` whose credentials are used. Default: those of `aws.mainAccount`. */
  accountId?: string;
};

/** Where it is, for people to read. */
export function placeOf({ bucket, region, endpoint }: S3Bucket): string {
  const server = endpoint ?? `Amazon S3${region ? ` (${region})` : ''}`;
  return `the S3 bucket ${bucket} at ${server}`;
}

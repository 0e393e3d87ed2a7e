import type { S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';

/**
 * Has DeleteObjects sent with the header `Content-MD5`, which its protocol demands and the SDK has replaced by checksums of its own that
 * servers other than Amazon's need not know. Amazon describes this in `supplemental-docs/MD5_FALLBACK.md` of `aws-sdk-js-v3`.
 */
export function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async args => {
      if (context.commandName !== 'DeleteObjectsCommand') {
        return next(args);
      }
      const { headers, body } = args.request as {
        headers: Record<string, string>;
        body: string | Uint8Array;
      };
      for (const name of Object.keys(headers)) {
        if (/^x-amz-(sdk-)?checksum-/i.test(name)) {
          delete headers[name];
        }
      }
      headers['content-md5'] = createHash('md5').update(body).digest('base64');
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'contentMd5' },
  );
}

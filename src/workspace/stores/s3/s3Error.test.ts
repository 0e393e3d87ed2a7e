import { s3Error } from './s3Error';

const BUCKET = { bucket: 'files', region: 'eu-west-1' };

function answered(name: string, message: string, httpStatusCode?: number) {
  const $metadata = { httpStatusCode };
  return Object.assign(new Error(message), { name, $metadata });
}

describe('s3Error', () => {
  it.each([
    [
      answered('SignatureDoesNotMatch', 'The signature is another.', 403),
      'SignatureDoesNotMatch (403): The signature is another. Check the credentials',
    ],
    [
      answered('CredentialsProviderError', 'Could not load credentials'),
      'CredentialsProviderError: Could not load credentials. Check the credentials',
    ],
    [
      answered('NoSuchBucket', 'It does not exist', 404),
      'NoSuchBucket (404): It does not exist. Create the bucket',
    ],
    [
      answered('PermanentRedirect', 'Use another endpoint.', 301),
      'PermanentRedirect (301): Use another endpoint. Set the region',
    ],
    [
      new Error('Region is missing'),
      'Error: Region is missing. Set the region',
    ],
    [
      Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED. Check that the server can be reached',
    ],
    [
      Object.assign(new Error('getaddrinfo ENOTFOUND s3'), {
        code: 'ENOTFOUND',
      }),
      'ENOTFOUND: getaddrinfo ENOTFOUND s3. Check that the server can be reached',
    ],
  ])('says what to check after %s', (error, text) => {
    expect(s3Error(BUCKET, 'PutObject', error).message).toContain(
      `PutObject on the S3 bucket files at Amazon S3 (eu-west-1) failed, ${text}`,
    );
  });
});

import type {
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { Config } from '@backstage/config';
import pLimit from 'p-limit';
import { PackStore } from '../PackStore';
import { connectS3, S3 } from './connectS3';
import { S3Bucket } from './S3Bucket';
import { s3Error } from './s3Error';

/** How long a request may take with all tries, in ms. */
const TIME_LIMIT = 30_000;

/**
 * Requests of this process at once: more of them wait, and their time has not begun. A task has up to three packs of 1 MB under way, so
 * that a few tasks fill a network.
 */
const MAX_AT_ONCE = 16;

/** DeleteObjects takes no more. */
const DELETED_AT_ONCE = 1_000;

/**
 * Keeps packs in a bucket of S3, or of what speaks its protocol, as `<prefix>/<task id>/<pack>`.
 *
 * What is stored is there for every process that asks then: "Amazon S3 provides strong read-after-write consistency for PUT and DELETE
 * requests of objects" (Amazon S3 User Guide, "What is Amazon S3?", since December 2020). A server that does not do so cannot be used.
 *
 * All methods throw a StoreError. They give up on a request after 30 s.
 */
export class S3PackStore implements PackStore {
  #s3?: Promise<S3>;
  readonly #limit = pLimit(MAX_AT_ONCE);

  /**
   * @param config - of the backend, with the credentials
   * @param timeLimitMs - how long a request may take with all tries
   */
  constructor(
    private readonly bucket: S3Bucket,
    private readonly config: Config,
    private readonly timeLimitMs: number = TIME_LIMIT,
  ) {}

  async put(taskId: string, pack: string, content: Uint8Array): Promise<void> {
    await this.#ask('PutObject', ({ client, sdk }, abortSignal) =>
      client.send(
        new sdk.PutObjectCommand({
          ...this.#place(taskId, pack),
          Body: content,
          ContentType: 'application/octet-stream',
        }),
        { abortSignal },
      ),
    );
  }

  async get(taskId: string, pack: string): Promise<Uint8Array | undefined> {
    return this.#ask('GetObject', async ({ client, sdk }, abortSignal) => {
      const command = new sdk.GetObjectCommand(this.#place(taskId, pack));
      try {
        const { Body } = await client.send(command, { abortSignal });
        return await Body?.transformToByteArray();
      } catch (error: any) {
        if (error.name === 'NoSuchKey') {
          return undefined;
        }
        throw error;
      }
    });
  }

  async delete(taskId: string, packs: string[]): Promise<void> {
    for (let i = 0; i < packs.length; i += DELETED_AT_ONCE) {
      const some = packs.slice(i, i + DELETED_AT_ONCE);
      await this.#ask('DeleteObjects', async ({ client, sdk }, abortSignal) => {
        const Objects = some.map(pack => ({ Key: this.#key(taskId, pack) }));
        const { Errors } = await client.send(
          new sdk.DeleteObjectsCommand({
            Bucket: this.bucket.bucket,
            Delete: { Objects, Quiet: true },
          }),
          { abortSignal },
        );
        if (Errors?.length) {
          const [{ Code: name = 'Error', Message = '' }] = Errors;
          throw Object.assign(new Error(Message), { name });
        }
      });
    }
  }

  async list(taskId: string): Promise<string[]> {
    const folder = this.#key(taskId, '');
    const packs: string[] = [];
    let next: string | undefined;
    do {
      const page = await this.#list({
        Prefix: folder,
        ContinuationToken: next,
      });
      for (const { Key } of page.Contents ?? []) {
        packs.push(Key!.slice(folder.length));
      }
      next = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (next);
    return packs;
  }

  async check(): Promise<void> {
    await this.#list({ Prefix: this.bucket.prefix, MaxKeys: 1 });
  }

  async #list(
    query: Pick<
      ListObjectsV2CommandInput,
      'Prefix' | 'ContinuationToken' | 'MaxKeys'
    >,
  ): Promise<ListObjectsV2CommandOutput> {
    const input = { Bucket: this.bucket.bucket, ...query };
    return this.#ask('ListBucket', ({ client, sdk }, abortSignal) =>
      client.send(new sdk.ListObjectsV2Command(input), { abortSignal }),
    );
  }

  /**
   * @param action - the name of the permission that it needs
   */
  async #ask<T>(
    action: string,
    ask: (s3: S3, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#limit(async () => {
      const limit = AbortSignal.timeout(this.timeLimitMs);
      try {
        return await ask(await this.#connect(), limit);
      } catch (error) {
        const cause = limit.aborted
          ? new Error(`no answer within ${this.timeLimitMs / 1000} s`)
          : error;
        throw s3Error(this.bucket, action, cause);
      }
    });
  }

  async #connect(): Promise<S3> {
    this.#s3 ??= connectS3(this.bucket, this.config);
    try {
      return await this.#s3;
    } catch (error) {
      this.#s3 = undefined;
      throw error;
    }
  }

  #place(taskId: string, pack: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket.bucket, Key: this.#key(taskId, pack) };
  }

  #key(taskId: string, pack: string): string {
    const { prefix } = this.bucket;
    return `${prefix ? `${prefix}/` : ''}${taskId}/${pack}`;
  }
}

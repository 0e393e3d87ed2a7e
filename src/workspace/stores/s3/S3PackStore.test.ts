import { mockServices } from '@backstage/backend-test-utils';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { AddressInfo } from 'node:net';
import {
  S3Server,
  TEST_BUCKET,
  TEST_CREDENTIALS,
} from '../../../../dev/harness/S3Server';
import { StoreError } from '../../errors';
import { S3Bucket } from './S3Bucket';
import { S3PackStore } from './S3PackStore';

let server: S3Server;

beforeAll(async () => {
  server = await S3Server.start();
});

afterEach(() => {
  server.behaviour = 'well';
  server.delayMs = 0;
});

afterAll(async () => {
  await server.remove();
});

function open(
  bucket: Partial<S3Bucket> = {},
  credentials = TEST_CREDENTIALS,
  timeLimitMs?: number,
) {
  const config = mockServices.rootConfig({
    data: { aws: { mainAccount: credentials } },
  });
  const { endpoint } = server;
  return new S3PackStore(
    { bucket: TEST_BUCKET, endpoint, forcePathStyle: true, ...bucket },
    config,
    timeLimitMs,
  );
}

async function failure(action: Promise<unknown>): Promise<Error> {
  return action.then(
    () => {
      throw new Error('It did not fail');
    },
    error => error,
  );
}

describe('S3PackStore', () => {
  it('returns what was stored, lists it and deletes it', async () => {
    const store = open({ prefix: 'some/where' });
    const [task, other, one, two] = [1, 2, 3, 4].map(() => randomUUID());
    const content = new Uint8Array(randomBytes(1_100_000));
    await store.put(task, one, content);
    await store.put(task, two, new Uint8Array([7]));
    await store.put(other, one, new Uint8Array([8]));
    expect(Buffer.from((await store.get(task, one))!)).toEqual(
      Buffer.from(content),
    );
    expect([...(await store.get(other, one))!]).toEqual([8]);
    expect((await store.list(task)).sort()).toEqual([one, two].sort());
    expect([...server.objects().keys()]).toContain(`some/where/${task}/${one}`);

    await store.delete(task, [one, randomUUID()]);
    expect(await store.get(task, one)).toBeUndefined();
    expect(await store.list(task)).toEqual([two]);
    expect(await store.list(other)).toEqual([one]);
    expect(await open().list(task)).toEqual([]);
    await store.check();
  });

  it('has a limited number of requests under way, and deletes more than one of them has room for', async () => {
    const store = open();
    const task = randomUUID();
    const packs = Array.from({ length: 60 }, () => randomUUID() as string);
    server.delayMs = 20;
    await Promise.all(packs.map(p => store.put(task, p, new Uint8Array([1]))));
    expect(server.mostAtOnce).toBe(16);
    expect((await store.list(task)).sort()).toEqual(packs.sort());
    const before = server.requests.length;
    const gone = Array.from({ length: 1_000 }, () => randomUUID());
    const [first, ...rest] = packs;
    await store.delete(task, [...gone, first]);
    expect(server.requests.slice(before)).toEqual([
      expect.stringMatching(/^POST .*delete/),
      expect.stringMatching(/^POST .*delete/),
    ]);
    expect((await store.list(task)).sort()).toEqual(rest.sort());
  });

  it('lists packs that come in several answers, and says which are not deleted', async () => {
    const task = randomUUID();
    const asked: string[] = [];
    // s3rver makes the token for the next answer with DES, which Node.js no longer has.
    const pages = createServer((request, response) => {
      const { searchParams } = new URL(request.url!, 'http://localhost');
      const token = searchParams.get('continuation-token') ?? 'first';
      asked.push(`${request.headers['content-md5'] ?? token}`);
      response.end(
        request.method === 'POST'
          ? '<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>Not you</Message></Error></DeleteResult>'
          : `<ListBucketResult><Contents><Key>${task}/${token}</Key></Contents>${
              token === 'first'
                ? '<IsTruncated>true</IsTruncated><NextContinuationToken>second</NextContinuationToken>'
                : '<IsTruncated>false</IsTruncated>'
            }</ListBucketResult>`,
      );
    }).listen(0, '127.0.0.1');
    await once(pages, 'listening');
    try {
      const { port } = pages.address() as AddressInfo;
      const store = open({ endpoint: `http://127.0.0.1:${port}` });
      expect(await store.list(task)).toEqual(['first', 'second']);
      const { message } = await failure(store.delete(task, ['a']));
      expect(message).toMatch(
        /^DeleteObjects on .* failed, AccessDenied: Not you\. Check the credentials/,
      );
      expect(asked).toEqual([
        'first',
        'second',
        expect.stringMatching(/^[A-Za-z0-9+/]{22}==$/),
      ]);
    } finally {
      pages.closeAllConnections();
      pages.close();
    }
  });

  it('goes on when the server is slow, and when it was unavailable or cut off for a moment', async () => {
    const store = open();
    const [task, pack] = [randomUUID(), randomUUID()];
    server.delayMs = 300;
    await store.put(task, pack, new Uint8Array([1]));
    server.delayMs = 0;
    server.behaviour = 'unavailable';
    const before = server.requests.length;
    const read = store.get(task, pack);
    while (server.requests.length === before) {
      await new Promise(setImmediate);
    }
    server.behaviour = 'well';
    expect([...(await read)!]).toEqual([1]);
  });

  it('says that the server is unavailable after three tries', async () => {
    server.behaviour = 'unavailable';
    const before = server.requests.length;
    const error = await failure(
      open().put(randomUUID(), randomUUID(), new Uint8Array([1])),
    );
    expect(error).toBeInstanceOf(StoreError);
    expect(error.message).toBe(
      `PutObject on the S3 bucket ${TEST_BUCKET} at ${server.endpoint} failed, SlowDown (503): Please reduce your request rate. Check that the server can be reached from this backend and is well`,
    );
    expect(server.requests).toHaveLength(before + 3);
  });

  it('says that nobody listens, and goes on once somebody does', async () => {
    const store = open();
    const [task, pack] = [randomUUID(), randomUUID()];
    await store.put(task, pack, new Uint8Array([1]));
    await server.stop();
    try {
      for (const action of [
        () => store.put(task, randomUUID(), new Uint8Array([1])),
        () => store.get(task, pack),
        () => store.list(task),
        () => store.delete(task, [pack]),
      ]) {
        const error = await failure(action());
        expect(error).toBeInstanceOf(StoreError);
        expect(error.message).toContain('ECONNREFUSED');
      }
    } finally {
      await server.goOn();
    }
    expect([...(await store.get(task, pack))!]).toEqual([1]);
  });

  it('returns no part of a pack that is cut off in its middle', async () => {
    const [task, pack] = [randomUUID(), randomUUID()];
    server.behaviour = 'cut';
    const error = await failure(open().get(task, pack));
    expect(error).toBeInstanceOf(StoreError);
    expect(error.message).toMatch(/^GetObject on the S3 bucket .* failed, /);
  });

  it('gives up on a server that never answers', async () => {
    server.behaviour = 'silent';
    const store = open({}, TEST_CREDENTIALS, 500);
    const error = await failure(store.get(randomUUID(), randomUUID()));
    expect(error).toBeInstanceOf(StoreError);
    expect(error.message).toContain('failed, Error: no answer within 0.5 s');
  });

  it('says which bucket is missing and where', async () => {
    const store = open({ bucket: 'absent' });
    for (const action of [
      () => store.put(randomUUID(), randomUUID(), new Uint8Array([1])),
      () => store.get(randomUUID(), randomUUID()),
      () => store.list(randomUUID()),
      () => store.check(),
    ]) {
      expect((await failure(action())).message).toMatch(
        /^\w+ on the S3 bucket absent at http:\S+ failed, NoSuchBucket \(404\): The specified bucket does not exist\. Create the bucket, or correct its name or endpoint in scaffolder\.recoverTasksWorkspaces\.stores$/,
      );
    }
  });

  it('says that the credentials are refused, and which permissions are needed', async () => {
    const wrong = { accessKeyId: 'WRONG', secretAccessKey: 'SECRET' };
    const { message } = await failure(open({}, wrong).list(randomUUID()));
    expect(message).toMatch(
      new RegExp(
        `^ListBucket on the S3 bucket ${TEST_BUCKET} at ${server.endpoint} failed, InvalidAccessKeyId \\(403\\): .*\\. Check the credentials below aws in the configuration, .* s3:GetObject, s3:PutObject`,
      ),
    );
    expect(message).not.toMatch(/WRONG|SECRET/);
  });

  it('says that there are no credentials for an account', async () => {
    const store = open({ accountId: '123456789012' });
    expect((await failure(store.list(randomUUID()))).message).toMatch(
      /^ListBucket on the S3 bucket/,
    );
  });
});

import express from 'express';
import { once } from 'node:events';
import http from 'node:http';
import { AddressInfo } from 'node:net';
import { createRetryRoute } from './retryRoute';

const ID = '48ce8ba3-cf9f-4f72-b7de-4e388e42bb3a';

describe('the route before the one that retries', () => {
  const calls: unknown[] = [];
  let answer: () => void;
  let reached: Promise<unknown>;
  let server: http.Server;

  beforeEach(async () => {
    calls.length = 0;
    const plan = async (taskId: string) => {
      calls.push(`plan ${taskId}`);
      return async ({ isStarted }: { isStarted: boolean }) => {
        calls.push(isStarted);
      };
    };
    const app = express();
    app.use(createRetryRoute({ plan }));
    reached = new Promise(resolve => {
      app.use(express.json(), async (req, res) => {
        calls.push(req.body);
        const waited = new Promise<void>(done => {
          answer = done;
        });
        resolve(undefined);
        await waited;
        res.status(req.body.status).json({});
        calls.push('answered');
      });
    });
    server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());

  const retry = (id: string, status: number, signal?: AbortSignal) =>
    fetch(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/tasks/${id}/retry`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ status }),
        signal,
      },
    );

  it.each([
    [201, true],
    [403, false],
    [409, false],
  ])(
    'plans before the scaffolder answers, and reports the answer %s',
    async (status, isStarted) => {
      const response = retry(ID, status);
      await reached;
      expect(calls).toEqual([`plan ${ID}`, { status }]);
      answer();
      expect((await response).status).toBe(status);
      expect(calls.slice(2)).toEqual([isStarted, 'answered']);
    },
  );

  it('reports the answer also if the caller has left, when there is one', async () => {
    const caller = new AbortController();
    const response = retry(ID, 201, caller.signal).catch(() => {});
    await reached;
    caller.abort();
    await response;
    await waitUntilNobodyIsConnected(server);
    expect(calls).toHaveLength(2);
    answer();
    await new Promise(resolve => setImmediate(resolve));
    expect(calls.slice(2)).toEqual([true, 'answered']);
  });

  it('leaves alone what is no id of a task', async () => {
    const response = retry('x', 404);
    await reached;
    answer();
    await response;
    expect(calls).toEqual([{ status: 404 }, 'answered']);
  });
});

async function waitUntilNobodyIsConnected(server: http.Server): Promise<void> {
  for (;;) {
    const count = await new Promise<number>((resolve, reject) =>
      server.getConnections((error, n) => (error ? reject(error) : resolve(n))),
    );
    if (count === 0) {
      return;
    }
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

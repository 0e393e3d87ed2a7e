import { S3Process } from './S3Process';

describe('an S3 server in a process of its own', () => {
  let server: S3Process;

  beforeAll(async () => {
    server = await S3Process.start();
  });
  afterAll(() => server.stop());

  const statusOf = async () =>
    (await fetch(server.endpoint).catch(() => undefined))?.status;

  it('can refuse, be away, and work again', async () => {
    const status = await statusOf();
    expect(status).toBeLessThan(500);
    await server.behave('unavailable');
    expect(await statusOf()).toBe(503);
    await server.behave('away');
    expect(await statusOf()).toBeUndefined();
    await server.behave('well');
    expect(await statusOf()).toBe(status);
    expect(await server.list()).toEqual([]);
  });
});

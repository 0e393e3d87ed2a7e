import fs from 'node:fs';
import path from 'node:path';
import { TestSite } from '../../../dev/harness/TestSite';

jest.setTimeout(180_000);

const TEMPLATE = {
  apiVersion: 'scaffolder.backstage.io/v1beta3',
  kind: 'Template',
  metadata: { name: 'expiring' },
  spec: {
    type: 'service',
    owner: 'guests',
    recovery: { strategy: 'idempotent' },
    steps: [
      { id: 'wait', action: 'debug:wait', input: { seconds: 3 } },
      { id: 'log', action: 'debug:log', input: { message: 'done' } },
      {
        id: 'asUser',
        if: '${{ parameters.asUser }}',
        action: 'catalog:fetch',
        input: { entityRef: 'template:default/expiring' },
      },
    ],
    parameters: [{ properties: { asUser: { type: 'boolean' } } }],
  },
};

describe('a task whose sign-in has expired when it is recovered', () => {
  let site: TestSite;
  afterEach(() => site.remove());

  async function recoverWithExpiredSignIn(options: {
    permissions: boolean;
    asUser: boolean;
  }) {
    site = await TestSite.create('SQLite');
    const target = path.join(site.directory, 'expiring.yaml');
    fs.writeFileSync(target, JSON.stringify(TEMPLATE));
    const create = (name: string, preload: string[] = []) =>
      site.createBackend(
        name,
        { recoverTasksTimeout: { seconds: 5 } },
        {
          preload,
          config: {
            catalog: { locations: [{ type: 'file', target }] },
            permission: { enabled: options.permissions },
          },
        },
      );
    const before = await create('before', [
      path.join(__dirname, '../__testUtils__/twoHoursSlow.ts'),
    ]);
    const after = await create('after');

    const client = await before.start();
    const id = await client.dispatch('template:default/expiring', {
      asUser: options.asUser,
    });
    await client.waitForStep(id, 'wait');
    await before.kill('SIGTERM');

    const next = await after.start();
    const { status } = await next.waitForEnd(id);
    const events = await next.events(id);
    const warned = events.filter(e =>
      /^Warning: the sign-in that this task was started with expired at [\d-]{10} [\d:]{8} UTC\.\s/.test(
        e.body.message,
      ),
    );
    expect(warned.map(e => e.body.stepId)).toEqual(['wait']);
    return {
      status,
      error: events.at(-1)!.body.error?.message,
      finished: events
        .filter(e => e.body.status === 'completed')
        .map(e => e.body.stepId),
    };
  }

  it('completes if no step of it acts on behalf of the user', async () => {
    expect(
      await recoverWithExpiredSignIn({ permissions: false, asUser: false }),
    ).toEqual({ status: 'completed', finished: ['wait', 'log'] });
  });

  it('fails at a step that acts on behalf of the user', async () => {
    expect(
      await recoverWithExpiredSignIn({ permissions: false, asUser: true }),
    ).toEqual({
      status: 'failed',
      error: 'Request failed with 401 Unauthorized',
      finished: ['wait', 'log'],
    });
  });

  it('fails before its first step with permissions on, which the scaffolder asks for on behalf of the user', async () => {
    expect(
      await recoverWithExpiredSignIn({ permissions: true, asUser: false }),
    ).toEqual({
      status: 'failed',
      error: 'Request failed with 401 Unauthorized',
      finished: [],
    });
  });
});

import {
  createMockDirectory,
  mockServices,
  startTestBackend,
  TestBackend,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { schedulerServiceFactory } from '@backstage/backend-defaults/scheduler';
import { urlReaderServiceFactory } from '@backstage/backend-defaults/urlReader';
import catalogPlugin from '@backstage/plugin-catalog-backend';
import scaffolderModel from '@backstage/plugin-catalog-backend-module-scaffolder-entity-model';
import http from 'node:http';
import { AddressInfo } from 'node:net';
import { waitFor } from '../../dev/harness/waitFor';
import catalogModule from '.';

jest.setTimeout(60_000);

// Backstage's own database service (backend-defaults 0.18.0) does not close its pools, which keeps the process of the tests alive.
const databases = TestDatabases.create({ ids: ['SQLITE_3'] });

const template = (recovery: unknown, stepRecovery?: unknown) => ({
  apiVersion: 'scaffolder.backstage.io/v1beta3',
  kind: 'Template',
  metadata: { name: 'sample' },
  spec: {
    type: 'service',
    ...(recovery !== undefined && { recovery }),
    parameters: [],
    steps: [
      { id: 'fetch', action: 'fetch:template' },
      {
        id: 'transform',
        action: 'acme:transform',
        ...(stepRecovery !== undefined && { recovery: stepRecovery }),
      },
      { id: 'publish', action: 'publish:github' },
    ],
  },
});

describe('a catalog with the module', () => {
  const directory = createMockDirectory();
  let backend: TestBackend;
  let server: http.Server;
  let serverUrl: string;
  let served: unknown;

  beforeAll(async () => {
    directory.setContent({
      'sample.yaml': JSON.stringify(template({ strategy: 'restart' })),
    });
    server = http.createServer((_, res) => res.end(JSON.stringify(served)));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    serverUrl = `http://${host}`;
    backend = await startTestBackend({
      features: [
        catalogPlugin,
        scaffolderModel,
        catalogModule,
        schedulerServiceFactory,
        urlReaderServiceFactory,
        mockServices.database.factory({
          knex: await databases.init('SQLITE_3'),
        }),
        mockServices.rootConfig.factory({
          data: {
            backend: { reading: { allow: [{ host }] } },
            catalog: {
              rules: [{ allow: ['Template'] }],
              processingInterval: { seconds: 1 },
              locations: [
                { type: 'file', target: directory.resolve('sample.yaml') },
              ],
            },
          },
        }),
      ],
    });
  });
  afterAll(async () => {
    await backend.stop();
    server.close();
  });

  const url = (path: string) =>
    `http://localhost:${backend.server.port()}/api/catalog/${path}`;

  async function validate(entity: object) {
    const response = await fetch(url('validate-entity'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        entity,
        location: 'url:https://example.com/template.yaml',
      }),
    });
    return { status: response.status, text: await response.text() };
  }

  /** As the page "Register an existing component" does it first. */
  async function register(entity: object) {
    served = entity;
    const response = await fetch(url('locations?dryRun=true'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'url', target: `${serverUrl}/new.yaml` }),
    });
    return { status: response.status, text: await response.text() };
  }

  it.each([
    [undefined, undefined],
    [{ strategy: 'idempotent', maxAttempts: 2 }, { dependsOn: ['fetch'] }],
  ])(
    'takes a template with recovery %j and a step with %j',
    async (recovery, stepRecovery) => {
      const { status, text } = await validate(template(recovery, stepRecovery));
      expect({ status, text }).toEqual({ status: 200, text });
    },
  );

  it.each([
    [
      { strategy: 'idempotant' },
      undefined,
      `spec.recovery.strategy is "idempotant"; expected one of 'none', 'restart', 'idempotent'.`,
    ],
    [
      { strategy: 'restart', maxAttempts: 'many' },
      undefined,
      `spec.recovery.maxAttempts is "many"; expected a whole number from 1 to 1000000.`,
    ],
    [
      { strategie: 'restart' },
      undefined,
      `spec.recovery.strategie is unknown; did you mean 'strategy'? Expected one of 'strategy', 'maxAttempts'.`,
    ],
    [
      { strategy: 'idempotent' },
      { dependsOn: 'fetsh' },
      `Step 'transform' depends on 'fetsh', which is not a step of this template; did you mean 'fetch'? Expected the step before it: 'fetch'.`,
    ],
    [
      { strategy: 'idempotent' },
      { dependsOn: 'publish' },
      `Step 'transform' depends on 'publish', which comes after it; expected the step before it: 'fetch'.`,
    ],
    [
      { strategy: 'idempotent' },
      { dependsOn: 'transform' },
      `Step 'transform' depends on itself; expected the step before it: 'fetch'.`,
    ],
    [
      { strategy: 'idempotent' },
      { dependOn: 'fetch' },
      `Step 'transform' has recovery.dependOn, which is unknown; did you mean 'dependsOn'? Expected 'dependsOn'.`,
    ],
  ])(
    'answers what is wrong with a template that has recovery %j and a step with %j',
    async (recovery, stepRecovery, message) => {
      const expected = `The recovery of template:default/sample is invalid. ${message}`;
      const entity = template(recovery, stepRecovery);
      const validated = await validate(entity);
      expect(validated.status).toBe(400);
      expect(JSON.parse(validated.text).errors[0].message).toContain(expected);
      const registered = await register(entity);
      expect(registered.status).toBe(400);
      expect(JSON.parse(registered.text).error.message).toContain(expected);
    },
  );

  it('answers that dependencies close a circle', async () => {
    const circular = template(
      { strategy: 'idempotent' },
      { dependsOn: 'publish' },
    );
    circular.spec.steps[2].recovery = { dependsOn: 'transform' };
    const { status, text } = await register(circular);
    expect(status).toBe(400);
    expect(text).toContain('(transform → publish → transform)');
  });

  it('names twenty of the problems of a template, and how many more there are', async () => {
    const keys = Array.from({ length: 1_000 }, (_, i) => [`key-${i}`, 1]);
    const { status, text } = await register(
      template({ strategy: 'restart', ...Object.fromEntries(keys) }),
    );
    expect(status).toBe(400);
    const { message } = JSON.parse(text).error;
    expect(message.match(/is unknown/g)).toHaveLength(20);
    expect(message).toContain('There are 980 more such problems.');
  });

  it('takes something of another kind, whatever it has', async () => {
    const { status } = await validate({
      apiVersion: 'backstage.io/v1alpha1',
      kind: 'Component',
      metadata: { name: 'other' },
      spec: {
        type: 'service',
        lifecycle: 'x',
        owner: 'y',
        recovery: 'none of our business',
      },
    });
    expect(status).toBe(200);
  });

  it('shows at the template what is wrong with its new version, and keeps the old one', async () => {
    const read = async () =>
      (
        await fetch(url('entities/by-name/template/default/sample'))
      ).json() as Promise<any>;
    const old = { strategy: 'restart' };
    await waitFor('the template', async () => (await read()).spec?.recovery);
    expect((await read()).spec.recovery).toEqual(old);

    directory.setContent({
      'sample.yaml': JSON.stringify(template({ strategy: 'idempotant' })),
    });
    await waitFor(
      'the error',
      async () => (await read()).status?.items?.length > 0,
    );
    const { status, spec } = await read();
    expect(status.items).toEqual([
      expect.objectContaining({
        type: 'backstage.io/catalog-processing',
        level: 'error',
        message: expect.stringContaining(
          'spec.recovery.strategy is "idempotant"',
        ),
      }),
    ]);
    expect(spec.recovery).toEqual(old);
  });
});

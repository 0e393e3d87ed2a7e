import { mockServices } from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import { BatchErrors } from '../batch/partialFailure/BatchErrors';
import { CatalogLookups } from './CatalogLookups';

describe('CatalogLookups', () => {
  const logger = mockServices.logger.mock();
  const catalog = catalogServiceMock.mock();
  const recovery = { strategy: 'restart' };
  const template = (name: string, spec?: object) => ({
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    kind: 'Template',
    metadata: { name },
    ...(spec && { spec: { steps: [], ...spec } }),
  });
  const templates = catalogServiceMock({
    entities: [
      template('restarts', { recovery }),
      template('silent', {}),
      template('empty'),
    ],
  });
  const createLookups = (timeoutMs?: number) =>
    new CatalogLookups({
      catalog,
      auth: mockServices.auth(),
      logger,
      batchErrors: new BatchErrors('look up templates', logger),
      timeoutMs,
    });
  const ref = (name: string) => `template:default/${name}`;
  const refs = (count: number) =>
    Array.from({ length: count }, (_, i) => ref(`t${i}`));
  const asked = () =>
    catalog.getEntitiesByRefs.mock.calls.map(([{ entityRefs }]) => entityRefs);

  beforeEach(() => {
    jest.clearAllMocks();
    catalog.getEntitiesByRefs.mockImplementation((request, options) =>
      templates.getEntitiesByRefs(request, options),
    );
  });

  it('returns the specs of templates, without what is not about recovery', async () => {
    const lookups = createLookups();
    await lookups.lookUp(['restarts', 'silent', 'empty'].map(ref));
    expect(lookups.result(ref('restarts'))).toEqual({ spec: { recovery } });
    expect(lookups.result(ref('silent'))).toEqual({ spec: {} });
    expect(lookups.result(ref('empty'))).toEqual({ spec: {} });
    expect(lookups.failure).toBeUndefined();
  });

  it('distinguishes a template that does not exist from one that was not looked up', async () => {
    const lookups = createLookups();
    await lookups.lookUp([ref('gone')]);
    expect(lookups.result(ref('gone'))).toEqual({ spec: undefined });
    expect(lookups.result(ref('restarts'))).toBeUndefined();
  });

  it('takes references in capitals for the same template', async () => {
    const lookups = createLookups();
    await lookups.lookUp(['Template:default/Restarts', ref('restarts')]);
    expect(asked()).toEqual([[ref('restarts')]]);
    expect(lookups.result('TEMPLATE:default/restarts')).toEqual({
      spec: { recovery },
    });
  });

  it('asks for each template once, a hundred at a time', async () => {
    const lookups = createLookups();
    await lookups.lookUp(refs(250));
    await lookups.lookUp(refs(251));
    expect(asked().map(some => some.length)).toEqual([100, 100, 50, 1]);
    expect(new Set(asked().flat()).size).toBe(251);
  });

  it('asks for nothing more once the catalog did not answer in time', async () => {
    catalog.getEntitiesByRefs.mockReturnValue(new Promise(() => {}));
    const lookups = createLookups(1);
    await lookups.lookUp(refs(250));
    await lookups.lookUp([ref('restarts')]);
    expect(asked()).toEqual([refs(100)]);
    expect(lookups.failure?.message).toContain('did not answer within 1 ms');
    expect(lookups.result(ref('t0'))).toBeUndefined();
  });

  it('asks for each template alone if the catalog refuses several, and so finds the others', async () => {
    catalog.getEntitiesByRefs.mockImplementation(async (request, options) => {
      if (request.entityRefs.includes(ref('fails'))) {
        throw new Error('500');
      }
      return templates.getEntitiesByRefs(request, options);
    });
    const lookups = createLookups();
    await lookups.lookUp(['fails', 'restarts'].map(ref));
    expect(lookups.result(ref('restarts'))).toEqual({ spec: { recovery } });
    expect(lookups.result(ref('fails'))).toBeUndefined();
    expect(lookups.failure).toEqual(new Error('500'));
  });

  it('asks for nothing more after the catalog refused three templates alone', async () => {
    catalog.getEntitiesByRefs.mockRejectedValue(new Error('503'));
    const lookups = createLookups();
    await lookups.lookUp(refs(250));
    expect(asked().map(some => some.length)).toEqual([100, 1, 1, 1]);
    expect(lookups.failure).toEqual(new Error('503'));
  });
});

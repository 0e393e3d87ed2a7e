import { mockServices } from '@backstage/backend-test-utils';
import { PackStore } from './PackStore';
import { StoreCheck } from './StoreCheck';
import { Stores } from './Stores';

const store: PackStore = {
  put: async () => {},
  get: async () => undefined,
  list: async () => [],
  delete: async () => {},
};

describe('StoreCheck', () => {
  it('reports each store that cannot be used until it can', async () => {
    const logger = mockServices.logger.mock();
    let failures = 2;
    const check = async () => {
      failures -= 1;
      if (failures >= 0) {
        throw new Error('Mount it.');
      }
    };
    const stores = new Stores(
      { id: 'first', store: { ...store, check } },
      { id: 'second', store },
    );
    const { signal } = new AbortController();
    await new StoreCheck({ stores, signal, logger, againMs: 1 }).run();
    expect(logger.error.mock.calls).toEqual(
      Array(2).fill([
        'The store first cannot be used. No files of tasks are stored until it can be used. Mount it.',
      ]),
    );
    expect(logger.info.mock.calls).toEqual([
      ['The store first can be used now.'],
    ]);
  });

  it('ends with the backend', async () => {
    const logger = mockServices.logger.mock();
    const check = async () => {
      throw new Error('Mount it.');
    };
    const stores = new Stores(
      { id: 'first', store },
      { id: 'second', store: { ...store, check } },
    );
    const stopping = new AbortController();
    const { signal } = stopping;
    const run = new StoreCheck({ stores, signal, logger }).run();
    stopping.abort();
    await run;
    expect(logger.error.mock.calls).toEqual([
      [
        'The store second cannot be used. Tasks whose files are there cannot go on with them until it can be used. Mount it.',
      ],
    ]);
  });
});

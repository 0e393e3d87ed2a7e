import { randomUUID } from 'node:crypto';
import { StoreError } from '../errors';
import { PackStore } from './PackStore';
import { Stores } from './Stores';

describe('a store that fails', () => {
  let now = 0;
  /** How long it takes to fail, in ms. */
  let failsAfter: number | undefined;
  const asked: string[] = [];
  const answer = (what: string) => async () => {
    asked.push(what);
    if (failsAfter !== undefined) {
      now += failsAfter;
      throw new StoreError('No answer');
    }
  };
  const store = {
    put: answer('put'),
    list: answer('list'),
    delete: answer('delete'),
  } as unknown as PackStore;
  let stores: Stores;
  const put = () => stores.put(randomUUID(), randomUUID(), new Uint8Array(1));

  beforeEach(() => {
    now = 0;
    failsAfter = undefined;
    asked.length = 0;
    stores = new Stores({ id: 'store', store });
    jest.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => jest.restoreAllMocks());

  it('is asked nothing for a minute if it took long to fail, and then again', async () => {
    failsAfter = 30_000;
    await expect(put()).rejects.toThrow('No answer');
    await expect(put()).rejects.toThrow('No answer');
    await expect(stores.delete(randomUUID(), [])).rejects.toThrow('No answer');
    // As it is asked when a task ends, or a run begins.
    const found = stores.find('store')!;
    await expect(found.list(randomUUID())).rejects.toThrow('No answer');
    expect(asked).toEqual(['put']);
    failsAfter = undefined;
    now += 60_000;
    await put();
    await stores.delete(randomUUID(), []);
    expect(asked).toEqual(['put', 'put', 'delete']);
  });

  it('is asked each time if it fails at once', async () => {
    failsAfter = 100;
    await expect(put()).rejects.toThrow('No answer');
    failsAfter = undefined;
    await put();
    expect(asked).toEqual(['put', 'put']);
  });
});

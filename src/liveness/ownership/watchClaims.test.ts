import { TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { createBuiltIn } from '../../../dev/harness/inProcess/builtIn';
import {
  insertTask,
  readTask,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { TASKS } from '../../scaffolder/tables';
import { isSqlite } from '../../database/time';
import {
  claimedTask,
  SentStatement,
} from '../../scaffolder/statements/claimedTask';
import { OwnedRuns } from './OwnedRuns';
import { watchClaims } from './watchClaims';
import { RunFolders } from '../../workspace/folders/RunFolders';
import { OwningProcess } from '../__testUtils__/OwningProcess';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });
const EVENTS = ['query', 'query-response', 'query-error'] as const;

describe.each(databases.eachSupportedId())('watchClaims on %s', databaseId => {
  const owner = OwningProcess.inEachTest(databases, databaseId);
  const { directory, logger } = owner;
  let knex: Knex;
  let runs: OwnedRuns;
  let folders: RunFolders;
  let lifetime: AbortController;

  beforeEach(() => {
    ({ knex, runs, folders, lifetime } = owner);
  });

  const watch = (
    watched: Pick<RunFolders, 'claimed'> = folders,
  ): AbortController => {
    const { signal } = lifetime;
    watchClaims({ knex, runs, folders: watched, signal, logger });
    return lifetime;
  };

  it('knows of a task that this process claims, and clears what an interrupted run left', async () => {
    const id = await insertTask(knex, { status: 'open' });
    directory.setContent({ [id]: { 'half-written': 'x' } });
    await folders.rememberExisting();
    const store = await createBuiltIn(knex, logger);
    watch();
    expect(runs.isAlive(id)).toBe(false);
    expect(await store.claimTask()).toMatchObject({ id });
    expect(runs.isAlive(id)).toBe(true);
    expect(folders.has(id)).toBe(false);
  });

  it('does both before the scaffolder gets the answer to the claim', async () => {
    const id = await insertTask(knex, { status: 'open' });
    const order: string[] = [];
    watch({ claimed: () => order.push('cleared') });
    await knex.transaction(async tx => {
      await tx(TASKS).where({ id, status: 'open' }).update({
        status: 'processing',
        last_heartbeat_at: knex.fn.now(),
        secrets: null,
      });
      order.push('answered');
      expect(runs.isAlive(id)).toBe(true);
    });
    expect(order).toEqual(['cleared', 'answered']);
  });

  it('takes a heartbeat and the end of a task for no claim', async () => {
    const id = await insertTask(knex, { silentSeconds: 0 });
    watch();
    await (await createBuiltIn(knex, logger)).heartbeatTask(id);
    await knex(TASKS)
      .where({ id, status: 'processing' })
      .update({ status: 'completed', secrets: null });
    expect(runs.ownsAny()).toBe(false);
  });

  it('knows of no claim for which another process was first', async () => {
    const id = await insertTask(knex, { status: 'open' });
    const claims: SentStatement[] = [];
    const collect = (_: unknown, statement: SentStatement) => {
      claims.push(...(claimedTask(statement) === id ? [statement] : []));
    };
    knex.on('query-response', collect);
    await (await createBuiltIn(knex, logger)).claimTask();
    knex.removeListener('query-response', collect);
    expect(claims).toHaveLength(1);

    watch();
    knex.emit('query-response', 0, claims[0]);
    expect(runs.isAlive(id)).toBe(false);
    knex.emit('query-response', 1, claims[0]);
    expect(runs.isAlive(id)).toBe(true);
  });

  it('owns no task whose claim is rolled back, as that of one with secrets that cannot be read', async () => {
    const id = await insertTask(knex, { status: 'open', secrets: '{' });
    const claimed = jest.spyOn(runs, 'claimed');
    watch();
    const store = await createBuiltIn(knex, logger);
    await expect(store.claimTask()).rejects.toThrow('Failed to parse secrets');
    expect(claimed).toHaveBeenCalledWith(id, expect.any(String));
    expect(runs.ownsAny()).toBe(false);
    expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
  });

  it('owns no task whose claim cannot be committed', async () => {
    const id = await insertTask(knex, { status: 'open' });
    const claimed = jest.spyOn(runs, 'claimed');
    watch();
    const store = await createBuiltIn(knex, logger);
    await failCommits(knex);
    const error = await store.claimTask().catch(e => e);
    await letCommitsPass(knex);
    expect(error.message).toMatch(/^commit/i);
    expect(claimed).toHaveBeenCalledWith(id, expect.any(String));
    expect(runs.ownsAny()).toBe(false);
    expect(await readTask(knex, id)).toMatchObject({ status: 'open' });
  });

  it('claims the task all the same if what an earlier run left cannot be removed, and logs it', async () => {
    const id = await insertTask(knex, { status: 'open' });
    watch({
      claimed: () => {
        throw new Error('EACCES');
      },
    });
    const store = await createBuiltIn(knex, logger);
    expect(await store.claimTask()).toMatchObject({ id });
    expect(runs.isAlive(id)).toBe(true);
    expect(logger.error).toHaveBeenCalledWith(
      `Could not empty the workspace of task ${id} before its run, which may find files of an interrupted one`,
      expect.objectContaining({ message: 'EACCES' }),
    );
  });

  it('leaves no listener behind when it ends', async () => {
    const counts = () => EVENTS.map(event => knex.listeners(event).length);
    const before = counts();
    const { abort } = watch();
    expect(counts()).toEqual(before.map(n => n + 1));
    abort.call(lifetime);
    expect(counts()).toEqual(before);
    watch();
    expect(counts()).toEqual(before);
  });
});

/** From now on a transaction that changes a task fails when it is committed. */
async function failCommits(knex: Knex): Promise<void> {
  if (isSqlite(knex)) {
    await knex.raw('pragma foreign_keys = on');
    await knex.raw(
      `create table broken (task_id text references tasks(id) deferrable initially deferred)`,
    );
    await knex.raw(
      `create trigger broken after update on tasks begin insert into broken values ('none'); end`,
    );
    return;
  }
  await knex.raw(
    `create function broken() returns trigger as $$ begin raise exception 'no commit'; end $$ language plpgsql`,
  );
  await knex.raw(
    `create constraint trigger broken after update on tasks deferrable initially deferred
     for each row execute function broken()`,
  );
}

async function letCommitsPass(knex: Knex): Promise<void> {
  if (isSqlite(knex)) {
    // Knex leaves its only connection in the transaction that it could not commit.
    await knex.raw('rollback');
    await knex.raw('drop trigger broken');
    await knex.raw('drop table broken');
    return;
  }
  await knex.raw('drop trigger broken on tasks');
  await knex.raw('drop function broken');
}

import {
  createMockDirectory,
  mockServices,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import fs from 'node:fs';
import {
  insertEvent,
  insertTask,
  migrateScaffolder,
  newAttempt,
  readEvents,
  readLastAttempt,
  TEST_DATABASE_IDS,
} from '../../__testUtils__/scaffolderDatabase';
import { listHandedOverTasks } from '../../database/operations/waiting/listHandedOverTasks';
import { readFencingToken } from '../../database/operations/runs/readFencingToken';
import { saveClaims } from '../../database/operations/processes/claims';
import {
  attemptRow,
  recordAttempts,
} from '../../database/operations/attempts/recordAttempts';
import { updateInterruptedTasks } from '../../database/operations/interrupted/updateInterruptedTasks';
import { waitFor } from '../../../dev/harness/waitFor';
import { ATTEMPTS, CLAIMS } from '../../database/tables';
import { TASK_EVENTS, TASKS } from '../../scaffolder/tables';
import { isSqlite, secondsAgo } from '../../database/time';
import { OwnedRuns } from './OwnedRuns';
import { RunFolders } from '../../workspace/folders/RunFolders';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: TEST_DATABASE_IDS });

describe.each(databases.eachSupportedId())('OwnedRuns on %s', databaseId => {
  let knex: Knex;
  let now: number;
  let runs: OwnedRuns;
  let number: number | undefined;
  let refused: string[];
  let rolledBack: string[];
  const directory = createMockDirectory();

  beforeAll(async () => {
    knex = await databases.init(databaseId);
    await migrateScaffolder(knex);
  });

  beforeEach(() => {
    directory.clear();
    now = 0;
    number = 5;
    refused = [];
    rolledBack = [];
    runs = new OwnedRuns({
      knex,
      folders: new RunFolders(directory.path, mockServices.logger.mock()),
      processNumber: () => number,
      onLostOwnership: taskId => refused.push(taskId),
      onRolledBack: taskId => rolledBack.push(taskId),
      clock: () => now,
    });
  });

  /** A task that this process has claimed and begun to run. */
  async function claimed(silentSeconds = 0): Promise<string> {
    const id = await insertTask(knex, { silentSeconds });
    await runs.claimed(id);
    fs.mkdirSync(directory.resolve(id));
    return id;
  }
  const fallSilent = (id: string, seconds = 600) =>
    knex(TASKS)
      .where({ id })
      .update({ last_heartbeat_at: secondsAgo(knex, seconds) });
  const beatsNow = async (id: string) =>
    (
      await knex(TASKS)
        .where('last_heartbeat_at', '>', secondsAgo(knex, 15))
        .pluck('id')
    ).includes(id);
  const end = (id: string, status: string) =>
    knex(TASKS).where({ id }).update({ status, secrets: null });
  const handOver = (taskId: string) =>
    knex.transaction(async tx => {
      await updateInterruptedTasks(
        tx,
        { taskIds: [taskId], timeoutSeconds: 30, taskTimeoutSeconds: 86_400 },
        { kind: 'handOver', staleTimeoutSeconds: 3600 },
      );
      await recordAttempts(tx, [newAttempt({ taskId })]);
    });
  const isHandedOver = async (id: string) =>
    (
      await listHandedOverTasks(
        knex,
        { timeoutSeconds: 30, taskTimeoutSeconds: 86_400 },
        { limit: 9 },
      )
    ).some(t => t.id === id);
  /** As the scaffolder's own recovery and a worker elsewhere do. */
  const claimElsewhere = async (id: string) => {
    await insertEvent(knex, id, 'recovered', { recoverStrategy: 'none' });
    await knex(TASKS)
      .where({ id })
      .update({ status: 'processing', last_heartbeat_at: knex.fn.now() });
  };

  it('writes the heartbeat of a run whose own has stopped', async () => {
    const id = await claimed();
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });
    await fallSilent(id);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 1,
      lostOwnership: [],
    });
    expect(await beatsNow(id)).toBe(true);
  });

  describe('when a statement of a run is about to be sent', () => {
    /** As it is called when the statement has its connection. */
    async function verify(id: string): Promise<string[]> {
      const connection = await knex.client.acquireConnection();
      const asked: string[] = [];
      const ask = ({ sql }: { sql: string }) => asked.push(sql);
      knex.on('query', ask);
      await runs.verifyOwnership(id, connection);
      knex.removeListener('query', ask);
      await knex.client.releaseConnection(connection);
      return asked;
    }
    const decide = async (db: Knex, id: string) => {
      await insertEvent(db, id, 'recovered', {});
      await db(TASKS).where({ id }).update({ status: 'open' });
      const attempt = [newAttempt({ taskId: id })];
      await (db.isTransaction
        ? recordAttempts(db as Knex.Transaction, attempt)
        : db.transaction(tx => recordAttempts(tx, attempt)));
    };

    it('asks whether the run still owns its task, unless that was seen in the last seconds', async () => {
      const id = await claimed();
      expect(await verify(id)).toEqual([]);
      now += 2_600;
      expect(await verify(id)).toHaveLength(2);
      expect(await verify(id)).toEqual([]);
      now += 2_400;
      await runs.renewHeartbeats();
      now += 2_400;
      expect(await verify(id)).toEqual([]);
      expect(refused).toEqual([]);
      expect(await verify('of another process')).toEqual([]);
    });

    it('finds that others have decided on the task, and reports it once', async () => {
      const id = await claimed();
      await decide(knex, id);
      now += 6_000;
      await verify(id);
      expect(refused).toEqual([id]);
      expect((await runs.renewHeartbeats()).lostOwnership).toMatchObject([
        { taskId: id },
      ]);
      expect((await runs.renewHeartbeats()).lostOwnership).toEqual([]);
    });

    it('waits for a decision that is being made', async () => {
      if (isSqlite(knex)) {
        // One connection: the statement would have none meanwhile.
        return;
      }
      const id = await claimed();
      now += 6_000;
      const tx = await knex.transaction();
      await decide(tx, id);
      const verified = verify(id);
      await waitFor('the lock to be waited for', async () => {
        const { rows } = await knex.raw(
          `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%for share%' and datname = current_database()`,
        );
        return rows.length > 0;
      });
      expect(refused).toEqual([]);
      await tx.commit();
      await verified;
      expect(refused).toEqual([id]);
    });
  });

  it('leaves the runs of other processes to them', async () => {
    const id = await insertTask(knex);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });
    expect(await beatsNow(id)).toBe(false);
    expect(runs.isAlive(id)).toBe(false);
  });

  it('does not renew the heartbeat of a run that ended without its end being stored', async () => {
    const id = await claimed();
    expect(runs.isAlive(id)).toBe(true);
    fs.rmdirSync(directory.resolve(id));
    await fallSilent(id);
    expect(await runs.renewHeartbeats()).toMatchObject({ renewed: 0 });
    expect(runs.isAlive(id)).toBe(false);
  });

  it('forgets a run that ended and whose folder could not be removed', async () => {
    const id = await claimed();
    await runs.ended(id);
    await end(id, 'failed');
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });
    expect(runs.ownsAny()).toBe(false);
    expect(runs.isAlive(id)).toBe(false);
  });

  it('forgets a run that is over without its end being stored, though its folder could not be removed', async () => {
    const id = await claimed();
    await fallSilent(id);
    runs.over(id);
    expect(runs.ownsAny()).toBe(false);
    expect((await runs.renewHeartbeats()).renewed).toBe(0);
    expect(await beatsNow(id)).toBe(false);
  });

  it('keeps two runs of a task of which one is over, not known which', async () => {
    const id = await claimed();
    await handOver(id);
    await claimElsewhere(id);
    await runs.claimed(id);
    runs.over(id);
    expect(runs.isAlive(id)).toBe(true);
  });

  it('keeps a run that is alive when an event announces an end that is not stored, such as that of a run elsewhere', async () => {
    const id = await claimed();
    await runs.ended(id);
    expect(runs.isAlive(id)).toBe(true);
    await fallSilent(id);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 1,
      lostOwnership: [],
    });
    expect(await beatsNow(id)).toBe(true);
  });

  it('does not lose ownership by a retry of a task whose folder could not be removed', async () => {
    const id = await claimed();
    await runs.ended(id);
    await end(id, 'failed');
    await claimElsewhere(id);
    await runs.claimed(id);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });
    expect(runs.isAlive(id)).toBe(true);
  });

  it('renews the heartbeat of a run that has no folder yet, for ten seconds, and again once it has made one', async () => {
    const id = await insertTask(knex);
    await runs.claimed(id);
    now = 9_999;
    expect(runs.isAlive(id)).toBe(true);
    now = 10_000;
    expect(runs.isAlive(id)).toBe(false);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });

    now = 600_000;
    fs.mkdirSync(directory.resolve(id));
    expect(runs.isAlive(id)).toBe(true);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 1,
      lostOwnership: [],
    });
    expect(runs.begun()).toEqual([id]);
    expect(await beatsNow(id)).toBe(true);
  });

  it('finds that a run which began late has lost ownership', async () => {
    const id = await insertTask(knex);
    await runs.claimed(id);
    now = 10_000;
    await runs.renewHeartbeats();
    fs.mkdirSync(directory.resolve(id));
    await runs.renewHeartbeats();
    await fallSilent(id);
    await handOver(id);
    await claimElsewhere(id);
    expect((await runs.renewHeartbeats()).lostOwnership).toMatchObject([
      { taskId: id },
    ]);
  });

  it.each(['completed', 'failed', 'cancelled'])(
    'forgets a run that ended before it was seen to have a folder, once its task is %s',
    async status => {
      const id = await insertTask(knex, { silentSeconds: 0 });
      await runs.claimed(id);
      await end(id, status);
      expect(await runs.renewHeartbeats()).toEqual({
        renewed: 0,
        lostOwnership: [],
      });
      expect(runs.ownsAny()).toBe(false);
    },
  );

  it('forgets a run whose task was deleted', async () => {
    const id = await insertTask(knex);
    await runs.claimed(id);
    await knex(TASKS).where({ id }).delete();
    await runs.renewHeartbeats();
    expect(runs.ownsAny()).toBe(false);
  });

  it('keeps a run whose claim is not committed yet, however long that takes', async () => {
    const id = await insertTask(knex, { status: 'open' });
    await runs.claimed(id);
    now = 60_000;
    await runs.renewHeartbeats();
    await knex(TASKS).where({ id }).update({ status: 'processing' });
    fs.mkdirSync(directory.resolve(id));
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 1,
      lostOwnership: [],
    });
  });

  it('forgets a late run whose task another process has taken, and takes the folder of that one for none of its own', async () => {
    const id = await insertTask(knex);
    await runs.claimed(id);
    now = 10_000;
    expect(runs.isAlive(id)).toBe(false);
    await handOver(id);
    await claimElsewhere(id);
    // On a working directory that both processes use.
    fs.mkdirSync(directory.resolve(id));
    await fallSilent(id, 20);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });
    expect(runs.isAlive(id)).toBe(false);
    expect(await beatsNow(id)).toBe(false);
  });

  it('owns no task whose claim was rolled back', async () => {
    const id = await insertTask(knex, { status: 'open' });
    await runs.claimed(id, 'trx1');
    runs.rolledBack('trx2');
    expect(runs.isAlive(id)).toBe(true);
    runs.rolledBack('trx1');
    expect(runs.ownsAny()).toBe(false);
  });

  it('goes on with the run that it had when a further claim of the task was rolled back', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    await runs.claimed(id, 'trx1');
    runs.rolledBack('trx1');
    expect(runs.begun()).toEqual([id]);
    await fallSilent(id);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 1,
      lostOwnership: [],
    });
  });

  it('keeps a task that was handed over and that nobody has claimed', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    await fallSilent(id);
    await handOver(id);
    expect(await isHandedOver(id)).toBe(true);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 1,
      lostOwnership: [],
    });
    expect(await isHandedOver(id)).toBe(false);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });
  });

  it('uses no attempt of a task that an owned run keeps', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    await fallSilent(id);
    await handOver(id);
    await runs.renewHeartbeats();
    expect(await readLastAttempt(knex, id)).toMatchObject({
      attempt: 1,
      spent: 0,
    });
  });

  it('counts no attempt any more once a run has ended by itself', async () => {
    const id = await insertTask(knex);
    await handOver(id);
    await claimElsewhere(id);
    await runs.claimed(id);
    await runs.ended(id);
    expect(await readLastAttempt(knex, id)).toMatchObject({
      spent: 0,
    });
  });

  it('finds a run that has lost ownership, once, and does not renew the heartbeat of the other one', async () => {
    const id = await claimed();
    const step = { message: '', stepId: 'two', status: 'processing' };
    await insertEvent(knex, id, 'log', step);
    await runs.renewHeartbeats();
    await fallSilent(id);
    await handOver(id);
    await claimElsewhere(id);
    await fallSilent(id, 20);

    const { renewed, lostOwnership } = await runs.renewHeartbeats();
    expect(renewed).toBe(0);
    expect(lostOwnership).toEqual([
      {
        taskId: id,
        message: expect.stringContaining('reclaimed by attempt 1 while'),
      },
    ]);
    expect(await beatsNow(id)).toBe(false);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 0,
      lostOwnership: [],
    });

    await insertEvent(knex, id, 'log', step);
    await runs.warn(lostOwnership[0]);
    expect((await readEvents(knex, id)).at(-1)).toEqual({
      type: 'log',
      body: {
        message: `Warning: this task was ${lostOwnership[0].message}`,
        stepId: 'two',
      },
    });
  });

  it('has a run refused that has lost ownership, also once a further claim of its task here was rolled back', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    expect(refused).toEqual([]);
    await fallSilent(id);
    await handOver(id);
    await claimElsewhere(id);
    await runs.renewHeartbeats();
    expect(refused).toEqual([id]);
    await runs.claimed(id, 'trx1');
    expect(rolledBack).toEqual([]);
    runs.rolledBack('trx1');
    expect(rolledBack).toEqual([id]);
    await runs.renewHeartbeats();
    expect(refused).toEqual([id, id]);
  });

  it('has neither of two runs of a task in this process refused, which cannot be told apart', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    await handOver(id);
    await claimElsewhere(id);
    await runs.claimed(id);
    expect((await runs.renewHeartbeats()).lostOwnership).toHaveLength(1);
    expect(refused).toEqual([]);
  });

  describe('with a run that waits for an earlier one of its task to end', () => {
    let id: string;
    beforeEach(async () => {
      id = await claimed();
      await runs.renewHeartbeats();
      await handOver(id);
      await claimElsewhere(id);
      await runs.claimed(id);
      runs.waits(id);
    });

    it('renews its heartbeat, also once the folder of the earlier one is gone, and marks it for a shutdown', async () => {
      expect((await runs.renewHeartbeats()).lostOwnership).toHaveLength(1);
      fs.rmdirSync(directory.resolve(id));
      now = 60_000;
      expect(runs.isAlive(id)).toBe(true);
      expect(runs.begun()).toEqual([id]);
      await fallSilent(id);
      expect((await runs.renewHeartbeats()).renewed).toBe(1);
      expect(runs.isDoubled(id)).toBe(true);
    });

    it('has one run again when it need not wait any more, which counts as any other from then on', async () => {
      expect((await runs.renewHeartbeats()).lostOwnership).toHaveLength(1);
      fs.rmdirSync(directory.resolve(id));
      now = 60_000;
      runs.takesTurn(id);
      expect(runs.isDoubled(id)).toBe(false);
      expect(runs.begun()).toEqual([]);
      now += 9_000;
      expect(runs.isAlive(id)).toBe(true);
      fs.mkdirSync(directory.resolve(id));
      expect(runs.isAlive(id)).toBe(true);
      expect(refused).toEqual([]);
      await knex.transaction(tx =>
        recordAttempts(tx, [newAttempt({ taskId: id, attempt: 2 })]),
      );
      await claimElsewhere(id);
      expect((await runs.renewHeartbeats()).lostOwnership).toHaveLength(1);
      expect(refused).toEqual([id]);
      fs.rmdirSync(directory.resolve(id));
      expect(runs.isAlive(id)).toBe(false);
      runs.waits(id);
      runs.takesTurn(id);
      expect(runs.isAlive(id)).toBe(false);
    });
  });

  it('finds a run that lost ownership before its first heartbeat was renewed', async () => {
    const id = await claimed();
    await fallSilent(id);
    await handOver(id);
    await claimElsewhere(id);
    expect((await runs.renewHeartbeats()).lostOwnership).toMatchObject([
      { taskId: id },
    ]);
  });

  it('finds a run whose task was closed elsewhere', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    await fallSilent(id);
    await knex.transaction(async tx => {
      await updateInterruptedTasks(
        tx,
        { taskIds: [id], timeoutSeconds: 30, taskTimeoutSeconds: 86_400 },
        { kind: 'close', status: 'failed' },
      );
      await recordAttempts(tx, [
        newAttempt({ taskId: id, decision: 'failed' }),
      ]);
    });
    expect((await runs.renewHeartbeats()).lostOwnership).toMatchObject([
      { taskId: id },
    ]);
  });

  it('finds a run whose task this process itself has claimed again', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    await handOver(id);
    await claimElsewhere(id);
    await runs.claimed(id);
    expect((await runs.renewHeartbeats()).lostOwnership).toMatchObject([
      { taskId: id },
    ]);
    expect((await runs.renewHeartbeats()).lostOwnership).toEqual([]);
  });

  it('does not lose ownership by a further claim that is not committed yet', async () => {
    const id = await claimed();
    await runs.renewHeartbeats();
    await insertEvent(knex, id, 'recovered', { recoverStrategy: 'none' });
    await knex(TASKS).where({ id }).update({ status: 'open' });
    await runs.claimed(id, 'trx1');
    expect((await runs.renewHeartbeats()).lostOwnership).toEqual([]);
    await knex(TASKS).where({ id }).update({ status: 'processing' });
    expect((await runs.renewHeartbeats()).lostOwnership).toMatchObject([
      { taskId: id },
    ]);
  });

  describe('which process has a task', () => {
    const claimant = async (id: string) =>
      (await knex(CLAIMS).where('task_id', id).first())?.process;
    const overwritten = (taskId: string, process: number) =>
      saveClaims(knex, [{ taskId, process, recoveredEvent: 0 }]);

    it('is recorded with the claim', async () => {
      const id = await insertTask(knex);
      await runs.claimed(id);
      expect(await claimant(id)).toBe(5);
    });

    it('is recorded later if the process has no number yet, or it could not be stored', async () => {
      number = undefined;
      const id = await claimed();
      await runs.renewHeartbeats();
      expect(await claimant(id)).toBeUndefined();
      number = 6;
      await knex.schema.renameTable(CLAIMS, 'elsewhere');
      await expect(runs.renewHeartbeats()).resolves.toEqual({
        renewed: 0,
        lostOwnership: [],
      });
      await knex.schema.renameTable('elsewhere', CLAIMS);
      await runs.renewHeartbeats();
      expect(await claimant(id)).toBe(6);
    });

    it('is recorded once more when the run has begun, since a claim elsewhere that came to nothing may have come later', async () => {
      const id = await claimed();
      await overwritten(id, 7);
      await runs.renewHeartbeats();
      expect(await claimant(id)).toBe(5);
      await overwritten(id, 7);
      await runs.renewHeartbeats();
      expect(await claimant(id)).toBe(7);
    });

    it('is not recorded of a run that has lost ownership', async () => {
      number = undefined;
      const id = await claimed();
      await runs.renewHeartbeats();
      await fallSilent(id);
      await handOver(id);
      await claimElsewhere(id);
      const { recoveredEvent } = await readFencingToken(knex, id);
      await saveClaims(knex, [{ taskId: id, process: 7, recoveredEvent }]);
      number = 5;
      await runs.renewHeartbeats();
      expect(await claimant(id)).toBe(7);
    });

    it('is forgotten when the claim is rolled back', async () => {
      const id = await insertTask(knex, { status: 'open' });
      await runs.claimed(id, 'trx1');
      expect(await claimant(id)).toBe(5);
      runs.rolledBack('trx1');
      await waitFor(
        'it to be forgotten',
        async () => (await claimant(id)) === undefined,
      );
    });

    it('is forgotten as well when it is rolled back before it is recorded', async () => {
      const id = await insertTask(knex, { status: 'open' });
      const recorded = runs.claimed(id, 'trx1');
      runs.rolledBack('trx1');
      await recorded;
      expect(runs.ownsAny()).toBe(false);
      await waitFor(
        'it to be forgotten',
        async () => (await claimant(id)) === undefined,
      );
    });
  });

  describe('when its fencing token is read late', () => {
    const decide = async (taskId: string, attempt: number) => {
      await knex(ATTEMPTS).insert(attemptRow(newAttempt({ taskId, attempt })));
      await insertEvent(knex, taskId, 'recovered', {});
    };
    /** A task that a decision queued again a moment ago, which the claim that follows is the first to see. */
    async function queuedAgain(): Promise<{ id: string; before: number }> {
      const id = await insertTask(knex, { status: 'open' });
      await decide(id, 1);
      return { id, before: (await readFencingToken(knex, id)).recoveredEvent };
    }
    /** Six seconds pass, and others reclaim the task. What there was is that much older then. */
    async function reclaim(id: string) {
      await knex(ATTEMPTS)
        .where('task_id', id)
        .update({ decided_at: secondsAgo(knex, 6) });
      await knex(TASK_EVENTS)
        .where('task_id', id)
        .update({ created_at: secondsAgo(knex, 6) });
      now += 6_000;
      await decide(id, 2);
      await knex(TASKS).where({ id }).update({ status: 'processing' });
      const { recoveredEvent } = await readFencingToken(knex, id);
      await saveClaims(knex, [{ taskId: id, process: 7, recoveredEvent }]);
    }
    /** What this process then knows and does, and which process has the task. */
    async function afterwards(id: string) {
      fs.mkdirSync(directory.resolve(id));
      const [{ recoveredEvent }] = await runs.fencingTokens([id]);
      const { lostOwnership } = await runs.renewHeartbeats();
      const processes = await knex(CLAIMS)
        .where('task_id', id)
        .pluck('process');
      return { recoveredEvent, lostOwnership, refused, processes };
    }
    const lost = (id: string, before: number) => ({
      recoveredEvent: before,
      lostOwnership: [
        { taskId: id, message: expect.stringContaining('attempt 2') },
      ],
      refused: [id],
      processes: [7],
    });

    it('is not that of the run that reclaimed the task, when it could not be read before', async () => {
      if (isSqlite(knex)) {
        // One process: nobody reclaims a task meanwhile.
        return;
      }
      const { id, before } = await queuedAgain();
      await knex.schema.renameTable(ATTEMPTS, 'elsewhere');
      await runs.claimed(id);
      await knex.schema.renameTable('elsewhere', ATTEMPTS);
      await reclaim(id);
      expect(await afterwards(id)).toEqual(lost(id, before));
    });

    it('is not that of the run that reclaimed the task while the read waited for a connection', async () => {
      if (isSqlite(knex)) {
        return;
      }
      const { id, before } = await queuedAgain();
      const { client } = knex;
      const acquire = client.acquireConnection;
      client.acquireConnection = async () => {
        client.acquireConnection = acquire;
        await reclaim(id);
        return acquire.call(client);
      };
      await runs.claimed(id);
      expect(await afterwards(id)).toEqual(lost(id, before));
    });

    it('is not known while each read takes too long', async () => {
      const { id, before } = await queuedAgain();
      const slow = () => {
        now += 4_000;
      };
      knex.on('query', slow);
      await runs.claimed(id);
      const read = await runs
        .fencingTokens([id])
        .catch(({ message }) => message);
      // One process: nobody reclaims a task meanwhile.
      const whole = [{ taskId: id, recoveredEvent: before }];
      const refusal = expect.stringContaining('too slow');
      expect(read).toEqual(isSqlite(knex) ? whole : refusal);
      knex.removeListener('query', slow);
    });
  });

  it('takes a claim that was seen and not stored, and then made again, for one run', async () => {
    const id = await insertTask(knex);
    await runs.claimed(id);
    await claimElsewhere(id);
    await runs.claimed(id);
    fs.mkdirSync(directory.resolve(id));
    expect((await runs.renewHeartbeats()).lostOwnership).toEqual([]);
  });

  it('does not lose ownership by a recovery before the present run', async () => {
    const id = await insertTask(knex);
    await handOver(id);
    await claimElsewhere(id);
    await runs.claimed(id);
    fs.mkdirSync(directory.resolve(id));
    await runs.renewHeartbeats();
    await fallSilent(id);
    expect(await runs.renewHeartbeats()).toEqual({
      renewed: 1,
      lostOwnership: [],
    });
  });
});

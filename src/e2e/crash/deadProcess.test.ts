import { readDifferences, startStory } from '../../../dev/harness/story';
import { ENGINES, TestSite } from '../../../dev/harness/TestSite';
import { waitFor } from '../../../dev/harness/waitFor';
import {
  ATTEMPTS,
  CLAIMS,
  DbAttemptRow,
  PROCESSES,
} from '../../database/tables';
import { withSite } from '../__testUtils__/withSite';

jest.setTimeout(600_000);

/** The default of recoverTasksTimeout. */
const TIMEOUT_SECONDS = 30;

describe('a backend that is killed, with default settings', () => {
  it.each(ENGINES)(
    'and started again recovers its tasks before the timeout, on %s',
    engine =>
      withSite(TestSite.create(engine), async site => {
        const backend = await site.createBackend('backend');
        const ids = await startStory(await backend.start(), 10);
        await waitForRegistration(site, 1);
        await backend.kill();

        const client = await backend.start();
        const knex = site.openScaffolderDatabase();
        // At once, before it was up: on SQLite no silence is needed.
        const early = engine === 'SQLite' ? 3 : 0;
        expect((await knex(ATTEMPTS)).length).toBeGreaterThanOrEqual(early);
        expect(
          await readDifferences(client, {
            ids,
            gitDirectory: site.gitDirectory,
          }),
        ).toEqual([]);
        await expectCrashes(site);
        expect((await client.attempts()).map(a => a.interruptedBy)).toEqual([
          'crash',
          'crash',
          'crash',
        ]);
        await waitFor(
          'the row of the dead process to be removed',
          async () => (await knex(PROCESSES)).length === 1,
        );
      }),
  );

  it('has its tasks recovered by another replica, though the timeout is an hour', () =>
    withSite(TestSite.create('PostgreSQL'), async site => {
      const scaffolder = { recoverTasksTimeout: { hours: 1 } };
      const [first, second] = await Promise.all(
        ['first', 'second'].map(name =>
          site.createBackend(name, scaffolder, { isOwnHost: true }),
        ),
      );
      const dispatching = await first.start();
      const client = await second.start();
      const ids = await startStory(dispatching, 10);
      await waitForRegistration(site, 2);
      await first.kill();

      expect(
        await readDifferences(client, { ids, gitDirectory: site.gitDirectory }),
      ).toEqual([]);
      await expectCrashes(site);
    }));

  /** On PostgreSQL, that includes their locks. */
  async function waitForRegistration(site: TestSite, count: number) {
    const knex = site.openScaffolderDatabase();
    await waitFor('the processes to be known, with their claims', async () => {
      const rows = await knex(PROCESSES);
      const claims = await knex(CLAIMS);
      return (
        rows.length === count &&
        claims.length === 3 &&
        (knex.client.config.client !== 'pg' || rows.every(r => r.holds_lock))
      );
    });
  }

  async function expectCrashes(site: TestSite) {
    const knex = site.openScaffolderDatabase();
    const isPostgres = knex.client.config.client === 'pg';
    const attempts: DbAttemptRow[] = await knex(ATTEMPTS);
    expect(attempts).toHaveLength(3);
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({
        interrupted_by: 'crash',
        known_by: isPostgres ? 'lock' : 'pid',
      });
      expect(attempt.seconds_silent).toBeLessThan(TIMEOUT_SECONDS);
      expect(attempt.reason).toContain(
        isPostgres ? 'its database session ended' : 'its process is gone',
      );
      if (isPostgres) {
        expect(attempt.seconds_silent).toBeGreaterThanOrEqual(5);
      }
    }
  }
});

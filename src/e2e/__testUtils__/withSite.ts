import { PostgresProcess } from '../../../dev/harness/postgres/PostgresProcess';
import { TestSite } from '../../../dev/harness/TestSite';

/** Gives a test a site of its own, and removes it when the test is over. */
export async function withSite<S extends { remove(): Promise<void> }, T>(
  created: Promise<S>,
  test: (site: S) => Promise<T>,
): Promise<T> {
  const site = await created;
  try {
    return await test(site);
  } finally {
    await site.remove();
  }
}

/** Gives a test a site on a PostgreSQL server that it can take away, since no other test uses it. */
export async function withOwnServer(
  test: (site: TestSite, server: PostgresProcess) => Promise<void>,
): Promise<void> {
  const server = await PostgresProcess.start();
  try {
    await withSite(TestSite.create('PostgreSQL', server), site =>
      test(site, server),
    );
  } finally {
    await server.stop();
  }
}

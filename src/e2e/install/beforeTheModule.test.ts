import { TASKS } from '../../scaffolder/tables';
import { secondsAgo } from '../../database/time';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES } from '../../../dev/harness/TestSite';

jest.setTimeout(180_000);

const steps = [
  { id: 'a' },
  { id: 'b', does: { hangs: 1, show: '${{ secrets.x }}' } },
];

const TEMPLATES: StepTemplate[] = [
  ...(['none', 'restart', 'idempotent'] as const).map(strategy => ({
    name: strategy,
    recovery: { strategy },
    steps,
  })),
  { name: 'legacy', isLegacy: true, steps },
];

describe('a task that was running', () => {
  let site: StepSite;
  afterEach(() => site.remove());

  describe.each(ENGINES)('on %s', engine => {
    it('when the module was not there yet is closed, since its secrets are gone', async () => {
      site = await StepSite.create(engine, TEMPLATES);
      // As by default: without any recovery, the scaffolder clears the secrets at the claim.
      const before = await site.createBackend(
        'before',
        { recoverTasks: false, taskRecovery: { enabled: false } },
        { hasModule: false },
      );
      let client = await before.start();
      const ids: Record<string, string> = {};
      for (const { name } of TEMPLATES) {
        ids[name] = await client.dispatch(
          `template:default/${name}`,
          {},
          { x: 'very-secret' },
        );
        await client.waitForStep(ids[name], 'b');
        expect(site.begun(ids[name]).at(-1)!.show).toBe('very-secret');
      }
      await before.kill();

      client = await (await site.createBackend('backend')).start();
      // The scaffolder keeps the secrets of these in any case.
      expect((await client.waitForEnd(ids.legacy)).status).toBe('completed');
      expect(site.counts(ids.legacy)).toEqual({ a: 2, b: 2 });
      expect(site.begun(ids.legacy).at(-1)!.show).toBe('very-secret');

      for (const name of ['none', 'restart', 'idempotent']) {
        const { status } = await client.waitForEnd(ids[name]);
        expect([name, status]).toEqual([name, 'failed']);
        expect(site.counts(ids[name])).toEqual({ a: 1, b: 1 });
        const { error } = (await client.events(ids[name])).at(-1)!.body;
        expect(error!.message).toContain(
          name === 'none'
            ? `its template has the recovery strategy 'none'`
            : 'it was started before recovery was on',
        );
      }
    });

    it('for longer ago than scaffolder.taskTimeout is closed, as the janitor would, whatever its strategy', async () => {
      site = await StepSite.create(engine, TEMPLATES);
      const backend = await site.createBackend('backend');
      let client = await backend.start();
      const ids: string[] = [];
      for (const { name } of TEMPLATES) {
        const id = await client.dispatch(`template:default/${name}`, {});
        await client.waitForStep(id, 'b');
        ids.push(id);
      }
      await backend.kill();
      // As in a database that was restored from a dump.
      const knex = site.site.openScaffolderDatabase();
      await knex(TASKS).update({
        last_heartbeat_at: secondsAgo(knex, 30 * 86_400),
      });

      client = await backend.start();
      for (const id of ids) {
        expect((await client.waitForEnd(id)).status).toBe('failed');
        const { error } = (await client.events(id)).at(-1)!.body;
        expect(error!.message).toContain('scaffolder.taskTimeout (24 h 0 min)');
        expect(site.counts(id)).toEqual({ a: 1, b: 1 });
      }
    });
  });
});

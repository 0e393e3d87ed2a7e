import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES } from '../../../dev/harness/TestSite';

jest.setTimeout(180_000);

const TEMPLATES = (['restart', 'idempotent'] as const).map(
  (strategy): StepTemplate => ({
    name: strategy,
    recovery: { strategy },
    steps: [
      { id: 'a', does: { show: '${{ secrets.x }}' } },
      { id: 'b', does: { hangs: 1, show: '${{ steps.a.output.name }}' } },
    ],
  }),
);

describe('a backend that has recoverTasks and nothing else below scaffolder', () => {
  let site: StepSite;
  afterEach(() => site.remove());

  it.each(ENGINES)(
    'recovers its tasks as their templates ask for when it was killed, on %s',
    async engine => {
      site = await StepSite.create(engine, TEMPLATES);
      const backend = await site.createBackend(
        'backend',
        { recoverTasks: true },
        { isBare: true },
      );
      let client = await backend.start();
      expect(await backend.log()).toContain(
        'this module supplies: scaffolder.taskRecovery.enabled: true, scaffolder.taskRecovery.staleTimeout: 12 hours',
      );
      const ids: Record<string, string> = {};
      for (const { name } of TEMPLATES) {
        ids[name] = await client.dispatch(
          `template:default/${name}`,
          {},
          { x: 'very-secret' },
        );
        await client.waitForStep(ids[name], 'b');
      }
      await backend.kill();
      client = await backend.start();
      for (const id of Object.values(ids)) {
        expect((await client.waitForEnd(id)).status).toBe('completed');
      }
      expect(site.counts(ids.restart)).toEqual({ a: 2, b: 2 });
      expect(site.counts(ids.idempotent)).toEqual({ a: 1, b: 2 });
      expect(site.begun(ids.restart)[2].show).toBe('very-secret');
      expect(site.begun(ids.idempotent)[2].show).toBe('a');
    },
  );
});

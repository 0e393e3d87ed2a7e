import { TaskEvent } from '../../../dev/harness/backend/ScaffolderClient';
import { waitFor } from '../../../dev/harness/waitFor';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES, WITHOUT_MODULE } from '../../../dev/harness/TestSite';

jest.setTimeout(240_000);

/** A step of which no other needs the files, one that makes a file, one that needs it and fails the first time, and one after that. */
const steps: StepTemplate['steps'] = [
  { id: 'alone' },
  { id: 'a', does: { write: 'file' } },
  {
    id: 'b',
    does: { read: 'file', fails: 1 },
    recovery: { dependsOn: 'a' },
  },
  { id: 'c' },
];

const TEMPLATES: StepTemplate[] = [
  { name: 'without', steps: steps.map(({ recovery, ...step }) => step) },
  { name: 'none', recovery: { strategy: 'none' }, steps },
  { name: 'restart', recovery: { strategy: 'restart' }, steps },
  { name: 'idempotent', recovery: { strategy: 'idempotent' }, steps },
  {
    name: 'hanging',
    recovery: { strategy: 'idempotent' },
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'b', does: { hangs: 1 } },
      { id: 'c' },
    ],
  },
  {
    name: 'hanging-without',
    steps: [
      { id: 'a', does: { write: 'file' } },
      { id: 'b', does: { read: 'file', hangs: 1 } },
      { id: 'c' },
    ],
  },
];

const ALL_TWICE = { alone: 2, a: 2, b: 2, c: 1 };

/** The module's own lines under a step since the task was started again. */
function linesUnder(events: TaskEvent[], stepId: string): string[] {
  return events
    .slice(events.map(e => e.type).lastIndexOf('recovered'))
    .filter(e => e.type === 'log' && e.body.stepId === stepId && !e.body.status)
    .map(e => e.body.message)
    .filter(message => /^(Started again|This step)/.test(message));
}

describe('a task that is started again after it ended', () => {
  let site: StepSite;
  afterEach(() => site.remove());

  describe.each(ENGINES)('on %s', engine => {
    it('runs as its template asks for, with the reason in its log', async () => {
      site = await StepSite.create(engine, TEMPLATES);
      const backend = await site.createBackend('backend');
      const client = await backend.start();
      const end = async (id: string) => (await client.waitForEnd(id)).status;

      const failed: Record<string, string> = {};
      for (const name of ['without', 'none', 'restart', 'idempotent']) {
        const id = await client.dispatch(`template:default/${name}`, {});
        failed[name] = id;
        expect(await end(id)).toBe('failed');
        // At once, before anything but the end itself can have been recorded.
        await client.retry(id);
        expect(await end(id)).toBe('completed');
      }
      for (const name of ['without', 'none', 'restart']) {
        expect([name, site.counts(failed[name])]).toEqual([name, ALL_TWICE]);
      }
      const id = failed.idempotent;
      expect(site.counts(id)).toEqual({ alone: 1, a: 2, b: 2, c: 1 });

      const events = await client.events(id);
      expect(linesUnder(events, 'b')).toEqual([
        expect.stringMatching(
          /^Started again .* at step 'b'\.\n.*'idempotent'.*\nSkipped, .*: alone\.\n.* run again: a\.\n.*'alone'\.$/,
        ),
      ]);
      expect(linesUnder(events, 'a')).toEqual([
        expect.stringContaining(`'b' depends on it`),
      ]);
      // A template without a strategy has the log that it has without the module.
      for (const name of ['without', 'none']) {
        const ended = await client.events(failed[name]);
        expect(steps.flatMap(s => linesUnder(ended, s.id))).toEqual([]);
      }
      await waitFor('the record of how it ended', async () =>
        (await client.attempts(id)).every(a => a.outcome === 'completed'),
      );
      expect(await client.attempts(id)).toEqual([
        expect.objectContaining({
          attempt: 1,
          trigger: 'retry',
          decision: 'resume',
          strategy: 'idempotent',
          interruptedAt: 'b',
          skippedSteps: ['alone'],
          stepsAgain: [{ stepId: 'a', because: 'neededBy', neededBy: ['b'] }],
          outcome: 'completed',
        }),
      ]);
      expect((await client.attempts(id))[0].interruptedBy).toBeUndefined();

      // A completed one runs all its steps.
      await client.retry(id);
      expect(await end(id)).toBe('completed');
      expect(site.counts(id)).toEqual({ alone: 2, a: 3, b: 3, c: 2 });

      // A cancelled one goes on at the step that it was cancelled in.
      const cancelled = await client.dispatch('template:default/hanging', {});
      await client.waitForStep(cancelled, 'b');
      await client.cancel(cancelled);
      expect(await end(cancelled)).toBe('failed');
      await client.retry(cancelled);
      expect(await end(cancelled)).toBe('completed');
      expect(site.counts(cancelled)).toEqual({ a: 1, b: 2, c: 1 });

      // One that the module closed runs all its steps, since its template has no strategy.
      const closed = await client.dispatch(
        'template:default/hanging-without',
        {},
      );
      await client.waitForStep(closed, 'b');
      await backend.kill();
      await backend.start();
      expect(await end(closed)).toBe('failed');
      expect((await client.attempts(closed))[0]).toMatchObject({
        trigger: 'interruption',
        decision: 'failed',
      });
      await client.retry(closed);
      expect(await end(closed)).toBe('completed');
      expect(site.counts(closed)).toEqual({ a: 2, b: 2, c: 1 });
      expect(await backend.log()).not.toContain('does not know');
    });

    it('runs so if it had ended before the module was installed, or its process died at its end', async () => {
      site = await StepSite.create(engine, TEMPLATES);
      const before = await site.createBackend('before', WITHOUT_MODULE, {
        hasModule: false,
      });
      let client = await before.start();
      const ids: Record<string, string> = {};
      for (const name of ['without', 'idempotent']) {
        ids[name] = await client.dispatch(`template:default/${name}`, {});
        await client.waitForEnd(ids[name]);
      }
      await before.kill();

      const backend = await site.createBackend('backend');
      client = await backend.start();
      ids.died = await client.dispatch('template:default/idempotent', {});
      await client.waitForEnd(ids.died);
      await backend.kill();
      client = await backend.start();
      for (const id of Object.values(ids)) {
        await client.retry(id);
        expect((await client.waitForEnd(id)).status).toBe('completed');
      }
      expect(site.counts(ids.without)).toEqual(ALL_TWICE);
      for (const name of ['idempotent', 'died']) {
        expect([name, site.counts(ids[name])]).toEqual([
          name,
          { alone: 1, a: 2, b: 2, c: 1 },
        ]);
      }
    });
  });

  it('runs so on another replica', async () => {
    site = await StepSite.create('PostgreSQL', TEMPLATES);
    const one = await site.createBackend('one', {}, { isOwnHost: true });
    const two = await site.createBackend('two', {}, { isOwnHost: true });
    const here = await one.start();
    const there = await two.start();
    for (const [name, counts] of [
      ['without', ALL_TWICE],
      ['idempotent', { alone: 1, a: 2, b: 2, c: 1 }],
    ] as const) {
      const id = await here.dispatch(`template:default/${name}`, {});
      await here.waitForEnd(id);
      await there.retry(id);
      expect((await there.waitForEnd(id)).status).toBe('completed');
      expect([name, site.counts(id)]).toEqual([name, counts]);
    }
  });
});

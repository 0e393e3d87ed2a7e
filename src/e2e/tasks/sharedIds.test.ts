import { waitFor } from '../../../dev/harness/waitFor';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES } from '../../../dev/harness/TestSite';

jest.setTimeout(180_000);

const twice: StepTemplate['steps'] = [
  { id: 'a' },
  { id: 'p', does: { name: 'first' } },
  { id: 'p', does: { name: 'second', hangs: 1 } },
  { id: 'z' },
];

const TEMPLATES: StepTemplate[] = [
  { name: 'twice-none', recovery: { strategy: 'none' }, steps: twice },
  {
    name: 'twice-idempotent',
    recovery: { strategy: 'idempotent' },
    steps: twice,
  },
  {
    name: 'alternatives',
    recovery: { strategy: 'idempotent' },
    steps: [
      { id: 'p', if: '${{ true }}', does: { name: 'first' } },
      { id: 'p', if: '${{ false }}', does: { name: 'second' } },
      { id: 'z', does: { hangs: 1 } },
    ],
  },
  {
    name: 'cleans-up',
    recovery: { strategy: 'idempotent' },
    steps: [
      { id: 'a' },
      { id: 'b', does: { fails: 1 } },
      { id: 'cleanup', if: '${{ always() }}' },
      { id: 'notify', if: '${{ always() }}', does: { hangs: 1 } },
    ],
  },
];

/** The step in which each of the tasks is interrupted, and what it is noted as. */
const INTERRUPTED_IN: Record<string, string> = {
  'twice-none': 'second',
  'twice-idempotent': 'second',
  alternatives: 'z',
  'cleans-up': 'notify',
};

describe('a backend that is killed while it runs tasks whose steps share an id or clean up', () => {
  let site: StepSite;
  afterEach(() => site.remove());

  it.each(ENGINES)(
    'leaves out none of their steps when it goes on, on %s',
    async engine => {
      site = await StepSite.create(engine, TEMPLATES);
      const backend = await site.createBackend('backend');
      let client = await backend.start();
      const ids: Record<string, string> = {};
      for (const name of Object.keys(INTERRUPTED_IN)) {
        ids[name] = await client.dispatch(`template:default/${name}`, {});
      }
      await waitFor(
        'each to be in the step that it is interrupted in',
        async () =>
          Object.entries(INTERRUPTED_IN).every(([name, step]) =>
            site.begun(ids[name]).some(s => s.name === step),
          ),
      );
      // What ran before is recorded by now: the steps run one after the other.
      await backend.kill();
      client = await backend.start();
      const end = async (name: string) =>
        (await client.waitForEnd(ids[name])).status;

      expect(await end('twice-none')).toBe('failed');
      expect(site.counts(ids['twice-none'])).toEqual({
        a: 1,
        first: 1,
        second: 1,
      });

      expect(await end('twice-idempotent')).toBe('completed');
      expect(site.counts(ids['twice-idempotent'])).toEqual({
        a: 1,
        first: 2,
        second: 2,
        z: 1,
      });
      const messages = (await client.events(ids['twice-idempotent'])).map(
        e => e.body.message,
      );
      expect(messages).toContainEqual(
        expect.stringContaining('another step with the same id'),
      );

      expect(await end('alternatives')).toBe('completed');
      expect(site.counts(ids.alternatives)).toEqual({ first: 1, z: 2 });

      expect(await end('cleans-up')).toBe('completed');
      expect(site.counts(ids['cleans-up'])).toEqual({
        a: 1,
        b: 2,
        cleanup: 2,
        notify: 2,
      });
    },
  );
});

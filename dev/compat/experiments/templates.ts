import { StepTemplate } from '../../harness/steps/StepSite';

const FILE = 'file';

/** The second step never ends the first time. */
export const NONE: StepTemplate = {
  name: 'none',
  recovery: { strategy: 'none' },
  steps: [{ id: 'a' }, { id: 'b', does: { hangs: 1 } }],
};

/** The same. The first step needs a secret. */
export const RESTART: StepTemplate = {
  name: 'restart',
  recovery: { strategy: 'restart' },
  steps: [
    { id: 'a', does: { show: '${{ secrets.key }}' } },
    { id: 'b', does: { hangs: 1 } },
  ],
};

/** A step of which no other needs the files, one that makes a file, one that needs it and never ends the first time, and one after that. */
export const IDEMPOTENT: StepTemplate = {
  name: 'idempotent',
  recovery: { strategy: 'idempotent' },
  steps: stepsThat({ hangs: 1 }),
};

/** The same, but it fails the first time. */
export const FAILING: StepTemplate = {
  name: 'failing',
  recovery: { strategy: 'idempotent' },
  steps: stepsThat({ fails: 1 }),
};

/** How often the steps of the two above begin: the one that does not end, and what it depends on, again. */
export const RESUMED = { alone: 1, a: 2, b: 2, c: 1 };

/** A step that has an effect in a checkpoint and never ends the first time. */
export const CHECKPOINT: StepTemplate = {
  name: 'checkpoint',
  recovery: { strategy: 'idempotent' },
  steps: [{ id: 'a', does: { effect: 'effect', hangs: 1 } }, { id: 'b' }],
};

function stepsThat(does: { hangs?: number; fails?: number }) {
  return [
    { id: 'alone' },
    { id: 'a', does: { write: FILE } },
    {
      id: 'b',
      does: { read: FILE, show: '${{ steps.alone.output.name }}', ...does },
      recovery: { dependsOn: 'a' },
    },
    { id: 'c' },
  ];
}

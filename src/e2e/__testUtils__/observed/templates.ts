/** Templates without a recovery block, which between them use what a template can have. */
export const observedTemplates = {
  succeeds: template('succeeds', {
    steps: [
      step('first', { value: '${{ parameters.name }}', writes: 'first.txt' }),
      step('second', {
        value: '${{ steps.first.output.value | upper }}',
        writes: 'second.txt',
      }),
      {
        ...step('never', { value: 'x' }),
        if: '${{ parameters.name === "other" }}',
      },
      {
        ...step('many', { value: '${{ each.value }}', writes: 'many.txt' }),
        each: ['a', 'b'],
      },
      step('secret', { value: 'with ${{ secrets.token }}' }),
    ],
    output: {
      text: [{ title: 'Run', content: '${{ steps.second.output.value }}' }],
    },
  }),
  fails: template('fails', {
    steps: [
      step('first', { writes: 'first.txt' }),
      step('second', { fails: true, writes: 'second.txt' }),
      step('third', { value: '${{ steps.first.output.run }}' }),
      { ...step('clean-up', { writes: 'clean.txt' }), if: '${{ always() }}' },
      { ...step('on-failure', {}), if: '${{ failure() }}' },
    ],
  }),
  cancelled: template('cancelled', {
    steps: [
      step('first', { writes: 'first.txt' }),
      step('second', { holds: true }),
      step('third', {}),
      { ...step('clean-up', {}), if: '${{ always() }}' },
    ],
  }),
};

function template(name: string, spec: object) {
  return {
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    kind: 'Template',
    metadata: { name },
    spec: {
      type: 'service',
      owner: 'guest',
      parameters: [{ title: 'Name', properties: { name: { type: 'string' } } }],
      ...spec,
    },
  };
}

function step(id: string, input: object) {
  return { id, name: `Step ${id}`, action: 'observe:step', input };
}

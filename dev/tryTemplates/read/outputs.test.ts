import { referredOutputs } from './outputs';
import { fillSecrets } from './parameters/secrets';
import { Template } from './template';

function template(spec: Partial<Template['spec']>): Template {
  return {
    metadata: { name: 'a-template' },
    spec: { steps: [], ...spec },
  } as unknown as Template;
}

describe('referredOutputs', () => {
  it('has each name that the template reads of a step, however it is written', () => {
    const outputs = referredOutputs(
      template({
        steps: [
          {
            action: 'a',
            input: {
              one: '${{ steps.publish.output.remoteUrl }}',
              two: "${{ steps['create-key'].output['key'].id }}",
              three: '${{ steps["create-key"].output.name | upper }}',
            },
          },
        ],
        output: {
          links: [{ url: '${{steps.publish.output.repoContentsUrl}}' }],
        },
      }),
    );
    expect(outputs).toEqual({
      publish: {
        remoteUrl: 'https://github.com/my-org/my-service.git',
        repoContentsUrl: 'https://github.com/my-org/my-service/blob/main',
      },
      'create-key': { key: { id: 1 }, name: 'create-key-name' },
    });
  });

  it('gives a list where `each` goes over it', () => {
    const steps = [
      { action: 'a', each: '${{ steps.list.output.items }}' },
      {
        action: 'b',
        input: { count: '${{ steps.list.output.items.length }}' },
      },
    ];
    expect(referredOutputs(template({ steps }))).toEqual({
      list: { items: ['first', 'second'] },
    });
  });

  it('takes what is called for a method of the value', () => {
    const input = { a: "${{ steps.list.output.text.split('/')[0] }}" };
    const steps = [{ action: 'a', input }];
    expect(referredOutputs(template({ steps }))).toEqual({
      list: { text: 'list-text' },
    });
  });

  it('leaves out what is no output', () => {
    const input = { a: '${{ steps.list }} and steps.list.output' };
    const steps = [{ action: 'a', input }];
    expect(referredOutputs(template({ steps }))).toEqual({});
  });
});

describe('fillSecrets', () => {
  it('has each secret that is referred to or required, but what the scaffolder brings', () => {
    const secrets = fillSecrets(
      template({
        steps: [
          {
            action: 'a',
            input: {
              a: '${{ secrets.USER_OAUTH_TOKEN }}',
              b: "${{ secrets['vault-token'] }}",
              c: '${{ secrets.backstageToken }}',
            },
          },
        ],
        secrets: {
          schema: {
            required: ['password'],
            properties: { password: { type: 'string', minLength: 12 } },
          },
        },
      }),
    );
    expect(secrets).toEqual({
      USER_OAUTH_TOKEN: 'secret-USER_OAUTH_TOKEN',
      'vault-token': 'secret-vault-token',
      password: expect.stringMatching(/^.{12,}$/),
    });
  });
});

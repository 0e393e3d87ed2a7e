import { JsonObject, JsonValue } from '@backstage/types';

/** The hosts that a backend knows without configuration, and what a URL of a new repository there has. */
const REPOSITORIES: Record<string, string> = {
  'github.com': 'owner=my-org&repo=my-service',
  'gitlab.com': 'owner=my-org&repo=my-service',
  'dev.azure.com':
    'owner=my-project&organization=my-org&project=my-project&repo=my-service',
  'bitbucket.org': 'workspace=my-org&project=my-project&repo=my-service',
};

/** What the scaffolder's own fields of a form give, by their name. The key with `[]` is for those that give several. */
const FIELDS: Record<string, string> = {
  EntityNamePicker: 'my-service',
  EntityPicker: 'component:default/my-service',
  MyGroupsPicker: 'group:default/my-team',
  OwnedEntityPicker: 'component:default/my-service',
  OwnerPicker: 'group:default/my-team',
  RepoBranchPicker: 'main',
  Secret: '********',
};

/** What a field of a form gives that is none of JSON schema. Nothing if it is not known. */
export function valueOfField(schema: JsonObject): JsonValue | undefined {
  const field = schema['ui:field'];
  if (field === 'RepoUrlPicker') {
    const { allowedHosts } = (schema['ui:options'] ?? {}) as JsonObject;
    const host =
      [allowedHosts ?? []].flat().find(h => `${h}` in REPOSITORIES) ??
      'github.com';
    return `${host}?${REPOSITORIES[`${host}`]}`;
  }
  const value = FIELDS[`${field}`];
  return schema.type === 'array' && value !== undefined ? [value] : value;
}

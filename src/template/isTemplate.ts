import { isBlock } from './dependencies';

/** What the `apiVersion` of each template begins with. */
export const API_GROUP = 'scaffolder.backstage.io/';

/** Whether an entity is a template of the scaffolder, however wrong the rest of it is. */
export function isTemplate(
  entity: unknown,
): entity is Record<string, unknown> & { metadata?: { name?: unknown } } {
  return (
    isBlock(entity) &&
    entity.kind === 'Template' &&
    String(entity.apiVersion).startsWith(API_GROUP)
  );
}

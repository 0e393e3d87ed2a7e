import { fillParameters } from './fillParameters';
import { Template, textsOf } from '../template';

const REFERENCE = /\bsecrets\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*['"]([^'"]+)['"])/g;

/** What the scaffolder brings itself. */
const BUILT_IN = 'backstageToken';

/** A value for each secret that a template refers to, or requires. */
export function fillSecrets({ spec }: Template): Record<string, string> {
  const { schema } = (spec.secrets ?? {}) as { schema?: any };
  const secrets: Record<string, string> = {
    ...(fillParameters(schema, 'required').values as Record<string, string>),
  };
  for (const text of textsOf(spec)) {
    for (const [, name, quoted] of text.matchAll(REFERENCE)) {
      const secret = name ?? quoted;
      if (secret !== BUILT_IN) {
        secrets[secret] ??= `secret-${secret}`;
      }
    }
  }
  return secrets;
}

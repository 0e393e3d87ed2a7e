import { createBackendModule } from '@backstage/backend-plugin-api';
import {
  AuthorizeResult,
  PolicyDecision,
} from '@backstage/plugin-permission-common';
import {
  PolicyQuery,
  PolicyQueryUser,
} from '@backstage/plugin-permission-node';
import { policyExtensionPoint } from '@backstage/plugin-permission-node/alpha';
import {
  createScaffolderTaskConditionalDecision,
  scaffolderTaskConditions,
} from '@backstage/plugin-scaffolder-backend/alpha';
import { taskReadPermission } from '@backstage/plugin-scaffolder-common/alpha';
import { NOBODY, OWNER } from './users';

/** Who may read which tasks: `NOBODY` none, `OWNER` their own, all others all. Everything else is allowed. */
export const policy = createBackendModule({
  pluginId: 'permission',
  moduleId: 'compat-policy',
  register({ registerInit }) {
    registerInit({
      deps: { policies: policyExtensionPoint },
      async init({ policies }) {
        policies.setPolicy({ handle: async (q, user) => decide(q, user) });
      },
    });
  },
});

function decide(
  { permission }: PolicyQuery,
  user?: PolicyQueryUser,
): PolicyDecision {
  const me = user?.info.userEntityRef;
  if (permission.name === taskReadPermission.name) {
    if (me === NOBODY) {
      return { result: AuthorizeResult.DENY };
    }
    if (me === OWNER) {
      return createScaffolderTaskConditionalDecision(
        permission as typeof taskReadPermission,
        scaffolderTaskConditions.isTaskOwner({ createdBy: [me] }),
      );
    }
  }
  return { result: AuthorizeResult.ALLOW };
}

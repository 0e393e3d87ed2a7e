import {
  BackstageCredentials,
  PermissionsRegistryService,
  PermissionsService,
} from '@backstage/backend-plugin-api';
import { NotAllowedError } from '@backstage/errors';
import { AuthorizeResult } from '@backstage/plugin-permission-common';
import { createConditionTransformer } from '@backstage/plugin-permission-node';
import { taskReadPermission } from '@backstage/plugin-scaffolder-common/alpha';
import { scaffolderTaskPermissionResourceRef } from '@backstage/plugin-scaffolder-node/alpha';
import { TaskCriteria } from '../database/operations/tasks/whereTask';

/** Who may read about which tasks: whoever may read the tasks themselves. */
export class TaskAccess {
  constructor(
    private readonly options: {
      permissions: PermissionsService;
      permissionsRegistry: PermissionsRegistryService;
    },
  ) {}

  /**
   * @returns which tasks the caller may read; nothing if it is all of them.
   * @throws NotAllowedError if it is none.
   */
  async readable(
    credentials: BackstageCredentials,
  ): Promise<TaskCriteria | undefined> {
    const { permissions, permissionsRegistry } = this.options;
    const [decision] = await permissions.authorizeConditional(
      [{ permission: taskReadPermission }],
      { credentials },
    );
    switch (decision.result) {
      case AuthorizeResult.ALLOW:
        return undefined;
      case AuthorizeResult.CONDITIONAL: {
        // Only now: the scaffolder registers its rules after the modules have initialised.
        const toCriteria = createConditionTransformer(
          permissionsRegistry.getPermissionRuleset(
            scaffolderTaskPermissionResourceRef,
          ),
        );
        return toCriteria(decision.conditions) as TaskCriteria;
      }
      default:
        throw new NotAllowedError();
    }
  }
}

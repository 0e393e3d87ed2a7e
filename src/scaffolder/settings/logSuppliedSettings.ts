import { LoggerService } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';

/** Says, when the process starts, which settings of the scaffolder the module answers since nobody has set them. */
export function logSuppliedSettings(
  supplied: JsonObject,
  logger: LoggerService,
): void {
  const settings = Object.entries(supplied).map(
    ([key, value]) => `scaffolder.taskRecovery.${key}: ${value}`,
  );
  if (settings.length > 0) {
    logger.info(
      `scaffolder.recoverTasks is true, and not set is what the scaffolder needs for it, so this module answers: ${settings.join(', ')}`,
    );
  }
}

/**
 * Validates the recovery blocks of templates when the catalog reads them.
 *
 * @packageDocumentation
 */

export { catalogModuleTemplateRecovery as default } from './module';
export { catalogModuleTemplateRecovery } from './module';

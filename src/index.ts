/**
 * Recovers Backstage scaffolder tasks that a restart interrupted, the way each template asks for.
 *
 * @packageDocumentation
 */

export { scaffolderModuleRecovery as default } from './module';
export { scaffolderModuleRecovery } from './module';

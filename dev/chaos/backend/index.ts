/* The backend that chaos kills: with the module, and the actions that look for what must not be. */
import { startBackend } from '../../harness/backend/startBackend';
import { chaosActions } from './chaosActions';

startBackend(chaosActions, import('../../../src'));

/* A backend without this module, whose actions tell what they see. */
import { startBackend } from '../../../../dev/harness/backend/startBackend';
import { observedActions } from './actions';

startBackend(observedActions);

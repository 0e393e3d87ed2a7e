/* The same backend with this module. */
import { startBackend } from '../../../../dev/harness/backend/startBackend';
import { observedActions } from './actions';

startBackend(observedActions, import('../../..'), import('../../../catalog'));

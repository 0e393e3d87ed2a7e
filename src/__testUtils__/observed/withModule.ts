/* The same backend with this module. */
import { startBackend } from '../../../dev/harness/startBackend';
import { observedActions } from './actions';

startBackend(observedActions, import('../..'), import('../../catalog'));

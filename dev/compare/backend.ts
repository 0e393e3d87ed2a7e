/* The backend of all ways. What it has beside the scaffolder is what its environment names. */
import { recoveryFeatures } from '../harness/backend/features';
import { startBackend } from '../harness/backend/startBackend';
import { comparedActions } from './actions';

startBackend(comparedActions, ...recoveryFeatures());

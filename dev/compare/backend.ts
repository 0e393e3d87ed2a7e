/* The backend of all ways. What it has beside the scaffolder is what its environment names. */
import { recoveryFeatures } from '../harness/features';
import { startBackend } from '../harness/startBackend';
import { comparedActions } from './actions';

startBackend(comparedActions, ...recoveryFeatures());

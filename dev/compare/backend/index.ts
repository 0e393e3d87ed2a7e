/*
 * The backend of all ways. What it has beside the scaffolder is what its environment names. It is not run here: it is copied to a
 * folder that has one release of the scaffolder and the packed module installed, and compiled there.
 */
import { startBackend } from '../../harness/backend/startBackend';
import { comparedActions } from './actions';
import { comparedFeatures } from './features';

startBackend(comparedActions, ...comparedFeatures());

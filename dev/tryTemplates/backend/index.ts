/* The backend that templates are tried on: file actions are real, all others replaced. */
import { recoveryFeatures } from '../../harness/backend/features';
import { startBackend } from '../../harness/backend/startBackend';
import { replacedFilters } from './filters';
import { replaceActions } from './replaceActions';

replaceActions();
startBackend(replacedFilters, ...recoveryFeatures());

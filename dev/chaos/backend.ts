/* The backend that chaos kills: as `dev/index.ts`, with the action that keeps a journal. */
import { createScaffolderBackend } from '../harness/createScaffolderBackend';
import { chaosAction } from './chaosAction';

const backend = createScaffolderBackend();
backend.add(chaosAction);
backend.add(import('../../src'));
// Without this a backend that cannot start, such as for want of PostgreSQL, stays there and is never ready (backend-app-api,
// which only logs it). An orchestrator would end it for that.
backend.start().catch(() => process.exit(1));

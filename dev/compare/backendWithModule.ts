/* The same backend with this module. */
import { createComparedBackend } from './createComparedBackend';

const backend = createComparedBackend();
backend.add(import('../../src'));
// As in `backendWithoutModule.ts`.
backend.start().catch(() => process.exit(1));

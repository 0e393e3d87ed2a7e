/* What the three built-in ways run. */
import { createComparedBackend } from './createComparedBackend';

// A backend that cannot start would otherwise stay there without ever being ready.
createComparedBackend()
  .start()
  .catch(() => process.exit(1));

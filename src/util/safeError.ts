import { toError } from '@backstage/errors';

const STATEMENT =
  /^(select|insert|update|delete|with|begin|commit|create|alter)\b/i;

/**
 * An error as it can be logged. Knex puts the statement in front of the driver's message, on SQLite with the values in it,
 * which may be a task's outputs or checkpoints. Only the driver's own message is kept.
 */
export function safeError(error: unknown): Error {
  const { name, message } = toError(error);
  if (!STATEMENT.test(message)) {
    return toError(error);
  }
  const cause = message.slice(message.lastIndexOf(' - ') + 3);
  const safe = new Error(`The database reported: ${cause}`);
  safe.name = name;
  // Its stack would show this line, which is no help, and the original one starts with the message.
  safe.stack = undefined;
  return safe;
}

import { toError } from '@backstage/errors';

const STATEMENT =
  /^(select|insert|update|delete|with|begin|commit|create|alter)\b/i;

/**
 * What the driver says in the message of an error, without the statement that knex puts in front of it. Of an error without a message, as that
 * of a host with several addresses, its code.
 */
export function driverMessage(error: Error): string {
  const { name, message } = error;
  const said = STATEMENT.test(message)
    ? message.slice(message.lastIndexOf(' - ') + 3)
    : message;
  return said || (error as { code?: string }).code || name;
}

/**
 * An error as it can be logged. Knex puts the statement in front of the driver's message, on SQLite with the values in it,
 * which may be a task's outputs or checkpoints. Only the driver's own message is kept.
 */
export function safeError(error: unknown): Error {
  const original = toError(error);
  if (!STATEMENT.test(original.message)) {
    return original;
  }
  const safe = new Error(`The database reported: ${driverMessage(original)}`);
  safe.name = original.name;
  // Its stack would show this line, which is no help, and the original one starts with the message.
  safe.stack = undefined;
  return safe;
}

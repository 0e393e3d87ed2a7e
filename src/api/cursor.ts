import { InputError } from '@backstage/errors';
import { z } from 'zod';
import { AttemptPosition } from '../database/operations/attempts/listAttempts';

const positionSchema = z.tuple([
  // As SQLite has it, or PostgreSQL.
  z
    .string()
    .regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:\d\d)?)?$/)
    .refine(text => !Number.isNaN(Date.parse(text.slice(0, 19)))),
  z.string().uuid(),
  z.number().int().min(1).max(1_000_000_000),
]);

/** What a caller sends back to get the next page. */
export function encodeCursor(position: AttemptPosition): string {
  const { decidedAt, taskId, attempt } = position;
  return Buffer.from(JSON.stringify([decidedAt, taskId, attempt])).toString(
    'base64url',
  );
}

/** @throws InputError if it is none that was given out. */
export function decodeCursor(cursor: string): AttemptPosition {
  try {
    const [decidedAt, taskId, attempt] = positionSchema.parse(
      JSON.parse(Buffer.from(cursor, 'base64url').toString()),
    );
    return { decidedAt, taskId, attempt };
  } catch {
    throw new InputError(
      `The query parameter 'cursor' is invalid; expected pageInfo.nextCursor of an earlier answer. Leave it out to start from the newest`,
    );
  }
}

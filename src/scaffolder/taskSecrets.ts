/**
 * What has to be known of a task's secrets. The secrets themselves are not handed on.
 *
 * @param text - as they are stored
 * @returns whether a worker can read them, or the scaffolder has cleared them, and when the sign-in expires that the task was started with.
 *   There is none for a task that a service started, and for one whose credentials have none.
 */
export function readSecrets(text: string | null): {
  state: 'readable' | 'unreadable' | 'gone';
  signInExpiresAt?: Date;
} {
  let secrets: { __initiatorCredentials?: unknown } | null;
  try {
    secrets = JSON.parse(text || 'null');
  } catch {
    return { state: 'unreadable' };
  }
  return {
    state: secrets ? 'readable' : 'gone',
    signInExpiresAt: readExpiry(secrets?.__initiatorCredentials),
  };
}

/** A user's credentials as the scaffolder stores them (`router`, 4.2.0 and 4.3.0): JSON, with the expiry of their token. */
function readExpiry(credentials: unknown): Date | undefined {
  try {
    const { expiresAt } = JSON.parse(String(credentials));
    const date = new Date(expiresAt);
    return typeof expiresAt === 'string' && !Number.isNaN(date.getTime())
      ? date
      : undefined;
  } catch {
    return undefined;
  }
}

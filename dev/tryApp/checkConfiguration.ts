import { JsonObject } from '@backstage/types';
import { Checks } from './Checks';
import { NewApp } from './NewApp';

/** All keys of this module in config.d.ts, with a value each. */
const VALID: JsonObject = {
  recoverTasks: true,
  recoverTasksTimeout: { minutes: 1 },
  recoverTasksMaxAttempts: 5,
  recoverTasksExitOnLostOwnership: true,
  recoverTasksNotify: true,
  recoverTasksWorkspaces: {
    enabled: true,
    maxMegabytes: 50,
    maxFiles: 1000,
    keepFor: '12h',
    stores: [
      { type: 's3', bucket: 'files', prefix: 'p', forcePathStyle: true },
      { type: 'directory', path: '/mnt/files' },
      { type: 'database' },
    ],
    encryptionKeys: ['c29tZSBrZXkgb2YgMzIgYnl0ZXMgZm9yIGEgdGVzdCE='],
  },
};

/** The same keys, with values of a wrong type. Not 1 for true, or '5' for 5: Backstage takes the one for the other. */
const INVALID: JsonObject = {
  recoverTasks: 'yes',
  recoverTasksTimeout: { minuts: 1 },
  recoverTasksMaxAttempts: 'five',
  recoverTasksExitOnLostOwnership: 'sometimes',
  recoverTasksNotify: 'always',
  recoverTasksWorkspaces: 'some',
};

type Property = { description?: string };

/** Holds the schema of this module's configuration against what the app's own commands make of it. */
export async function checkConfiguration(
  app: NewApp,
  checks: Checks,
): Promise<void> {
  const configCheck = (...files: string[]) =>
    app.complaintOf(
      ...['config:check', '--strict'],
      ...['app-config.yaml', ...files].flatMap(file => ['--config', file]),
    );
  const expectValid = async (what: string, ...files: string[]) => {
    const complaint = await configCheck(...files);
    checks.expect(
      `config:check --strict passes ${what}`,
      complaint === undefined,
      () => complaint!,
    );
  };

  await expectValid('without keys of this module');
  await app.switchOn();
  await expectValid('with scaffolder.recoverTasks: true');
  const all = await app.writeConfig('all.yaml', { scaffolder: VALID });
  await expectValid('with all keys', all);

  const invalid = await app.writeConfig('invalid.yaml', {
    scaffolder: INVALID,
  });
  const complaint = await configCheck(invalid);
  for (const key of Object.keys(INVALID)) {
    checks.expect(
      `config:check --strict refuses ${key}: ${JSON.stringify(INVALID[key])}`,
      new RegExp(`/scaffolder/${key}$`, 'm').test(complaint ?? ''),
      () => complaint ?? 'It passed.',
    );
  }

  const described = await readDescriptions(app);
  checks.expect(
    `config:schema shows ${described.length} keys of this module, each with its description`,
    described.map(([key]) => key).join() === Object.keys(VALID).join() &&
      described.every(([, description]) => description),
    () => JSON.stringify(described, undefined, 2),
  );
}

/** What `config:schema` shows of this module's keys. */
async function readDescriptions(
  app: NewApp,
): Promise<[string, string | undefined][]> {
  const schema = JSON.parse(
    await app.yarn(
      ...['backstage-cli', 'config:schema', '--merge', '--format', 'json'],
    ),
  );
  const properties: Record<string, Property> =
    schema.properties.scaffolder.properties;
  return Object.entries(properties)
    .filter(([key]) => key.startsWith('recoverTasks'))
    .map(([key, { description }]) => [key, description]);
}

import { mockServices } from '@backstage/backend-test-utils';
import { ConfigReader } from '@backstage/config';
import { JsonValue } from '@backstage/types';
import knexFactory from 'knex';
import { isInMemory } from '../database/dialect/isInMemory';
import {
  logRecoveryOff,
  logRecoveryOn,
  warnOfUnknownSettings,
} from './logConfiguration';

const logger = mockServices.logger.mock();
const infos = () => logger.info.mock.calls.map(([line]) => line);
const warnings = () => logger.warn.mock.calls.map(([line]) => line);
const configOf = (scaffolder: JsonValue) => new ConfigReader({ scaffolder });

beforeEach(() => jest.clearAllMocks());

describe('the log says at the start', () => {
  it('that recovery is off, unless somebody has switched it off', () => {
    logRecoveryOff(new ConfigReader({}), logger);
    logRecoveryOff(configOf(null), logger);
    logRecoveryOff(configOf({}), logger);
    logRecoveryOff(configOf({ recoverTasks: false }), logger);
    expect(infos()).toEqual(
      Array(3).fill(
        expect.stringMatching(/^Task recovery is off: .* is not set, so/),
      ),
    );
  });

  const start = {
    supplied: {},
    workspaceProvider: undefined,
    isInMemory: false,
  };

  it('that recovery is on, and what is supplied, if anything is', () => {
    logRecoveryOn(start, logger);
    const supplied = { enabled: true, staleTimeout: '12 hours' };
    logRecoveryOn({ ...start, supplied }, logger);
    expect(infos()).toEqual([
      'Task recovery is on (scaffolder.recoverTasks is true)',
      'Task recovery is on (scaffolder.recoverTasks is true). Settings of the scaffolder that are not set, and that this module supplies: scaffolder.taskRecovery.enabled: true, scaffolder.taskRecovery.staleTimeout: 12 hours',
    ]);
    expect(warnings()).toEqual([]);
  });

  it('that the tasks of a database in memory are lost', () => {
    logRecoveryOn({ ...start, isInMemory: true }, logger);
    expect(warnings()).toEqual([
      expect.stringMatching(/is in memory: its tasks end with this process/),
    ]);
  });

  it.each([
    ['recovery', []],
    ['database', [/begins with the files stored last/]],
    ['mine', [/whose stored files this module cannot remove/]],
  ])(
    "what does not hold with the workspace provider '%s'",
    (workspaceProvider, expected) => {
      logRecoveryOn({ ...start, workspaceProvider }, logger);
      expect(warnings()).toEqual(
        expected.map(text => expect.stringMatching(text)),
      );
    },
  );

  it('which keys look like settings of recovery and are none', () => {
    for (const scaffolder of [
      null,
      'recover',
      ['recover'],
      {},
      { recoverTasks: true, recoverTasksTimeout: '1m', taskRecovery: {} },
    ]) {
      warnOfUnknownSettings(configOf(scaffolder), logger);
    }
    expect(warnings()).toEqual([]);
    warnOfUnknownSettings(
      configOf({ recoverTask: true, RecoverTasksTimeOut: '1m' }),
      logger,
    );
    expect(warnings()).toEqual([
      expect.stringMatching(
        /^scaffolder\.recoverTask is not a setting of .*recoverTasksNotify/,
      ),
      expect.stringMatching(
        /^scaffolder\.RecoverTasksTimeOut is not a setting/,
      ),
    ]);
  });
});

it.each([
  ['better-sqlite3', ':memory:', true],
  ['better-sqlite3', { filename: ':memory:' }, true],
  ['better-sqlite3', { filename: '/data/scaffolder.sqlite' }, false],
  ['pg', { filename: ':memory:' }, false],
])(
  'a database of %s at %j is in memory: %s',
  (client, connection, expected) => {
    const knex = knexFactory({ client, connection, useNullAsDefault: true });
    expect(isInMemory(knex)).toBe(expected);
  },
);

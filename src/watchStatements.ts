import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { listen } from './database/connection/listen';
import { GuardedRun, RunGuard } from './liveness/guard/RunGuard';
import { watchRuns } from './liveness/guard/watchRuns';
import { OwnedRuns } from './liveness/ownership/OwnedRuns';
import { RunTurns } from './liveness/ownership/RunTurns';
import { watchClaims } from './liveness/ownership/watchClaims';
import { Retries } from './rescue/Retries';
import { ScaffolderCheck } from './scaffolder/check/ScaffolderCheck';
import { SentStatement } from './scaffolder/statements/claimedTask';
import { ScaffolderPoll } from './scaffolder/statements/ScaffolderPoll';
import { RunFolders } from './workspace/folders/RunFolders';

/** Has everybody hear of the statements that this process sends to the scaffolder's database, until the signal is aborted. */
export function watchStatements(options: {
  knex: Knex;
  check: ScaffolderCheck;
  poll: ScaffolderPoll;
  retries: Retries;
  runs: OwnedRuns;
  turns: RunTurns<GuardedRun>;
  guard: RunGuard;
  folders: RunFolders;
  signal: AbortSignal;
  logger: LoggerService;
}): void {
  const { knex, check, poll, retries, signal } = options;
  watchClaims(options);
  watchRuns(options);
  listen(
    knex,
    'start',
    (builder: Knex.QueryBuilder) => {
      check.starts(builder);
      retries.starts(builder);
    },
    signal,
  );
  listen(
    knex,
    'query',
    (statement: SentStatement) => {
      poll.sent(statement.sql);
      check.sent(statement);
    },
    signal,
  );
  listen(
    knex,
    'query-response',
    (answer: unknown, statement: SentStatement) =>
      check.answered(answer, statement),
    signal,
  );
}

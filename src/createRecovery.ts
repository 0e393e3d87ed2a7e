import {
  AuditorService,
  AuthService,
  DatabaseService,
  HttpAuthService,
  HttpRouterService,
  LifecycleService,
  LoggerService,
  PermissionsRegistryService,
  PermissionsService,
  RootConfigService,
  RootLifecycleService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { MetricsService } from '@backstage/backend-plugin-api/alpha';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { EventsService } from '@backstage/plugin-events-node';
import { NotificationService } from '@backstage/plugin-notifications-node';
import { ScaffolderWorkspaceProviderExtensionPoint } from '@backstage/plugin-scaffolder-node/alpha';
import { setMaxListeners } from 'node:events';
import { createRouter } from './api/createRouter';
import { createRetryRoute } from './api/retryRoute';
import { TaskAccess } from './api/TaskAccess';
import { configureRecovery, DEFAULT_TIMEOUT } from './config';
import { isInMemory } from './database/dialect/isInMemory';
import { claimNoTask } from './database/operations/server/claimNoTask';
import { readSqliteVersion } from './database/operations/server/readSqliteVersion';
import { markBrokenRun } from './liveness/guard/markBrokenRun';
import { GuardedRun, RunGuard } from './liveness/guard/RunGuard';
import { fillInTurn } from './liveness/ownership/fillInTurn';
import { OwnedRuns } from './liveness/ownership/OwnedRuns';
import { RunTurns } from './liveness/ownership/RunTurns';
import { ProcessRegistration } from './liveness/processes/ProcessRegistration';
import { readThisProcess } from './liveness/processes/thisProcess';
import { Settling } from './liveness/Settling';
import { Shutdown } from './liveness/Shutdown';
import { AttemptTracker } from './record/AttemptTracker';
import { Forecast } from './record/Forecast';
import { createListener } from './reporting/createListener';
import { logRecoveryOn } from './reporting/logConfiguration';
import { SnapshotMetrics } from './reporting/metrics/SnapshotMetrics';
import { reportBlocked } from './reporting/metrics/reportBlocked';
import { reportKept } from './reporting/metrics/reportKept';
import { createLockTrouble } from './rescue/loop/createLockTrouble';
import { createRecoveryPass } from './rescue/createRecoveryPass';
import { Deferral } from './rescue/loop/Deferral';
import { DatabaseReadiness } from './database/readiness/DatabaseReadiness';
import { InFlightIndex } from './database/readiness/InFlightIndex';
import { PollCheck } from './scaffolder/check/PollCheck';
import { Troubles } from './rescue/loop/Troubles';
import { RecoveryLoop } from './rescue/loop/RecoveryLoop';
import { Retries } from './rescue/Retries';
import { StrategyMemory } from './rescue/strategies/StrategyMemory';
import { ScaffolderPoll } from './scaffolder/statements/ScaffolderPoll';
import { readInstalledVersions } from './scaffolder/check/installedVersions';
import { ScaffolderCheck } from './scaffolder/check/ScaffolderCheck';
import { RunFolders } from './workspace/folders/RunFolders';
import { watchStatements } from './watchStatements';
import { keepSnapshots } from './workspace/keepSnapshots';

/** What the module needs of the backend. */
type RecoveryDeps = {
  auditor: AuditorService;
  auth: AuthService;
  catalog: CatalogService;
  database: DatabaseService;
  events: EventsService;
  httpAuth: HttpAuthService;
  httpRouter: HttpRouterService;
  lifecycle: LifecycleService;
  logger: LoggerService;
  metrics: MetricsService;
  notifications: NotificationService;
  permissions: PermissionsService;
  permissionsRegistry: PermissionsRegistryService;
  rootConfig: RootConfigService;
  rootLifecycle: RootLifecycleService;
  scheduler: SchedulerService;
  workspaceProviders: ScaffolderWorkspaceProviderExtensionPoint;
};

/**
 * Puts the parts together and hooks them into the backend: its lifecycle, its HTTP routes, and the statements that the scaffolder sends.
 *
 * @throws Error that says what is wrong with the configuration.
 */
export async function createRecovery(deps: RecoveryDeps): Promise<void> {
  const { database, lifecycle, rootLifecycle, logger } = deps;
  const knex = await database.getClient();
  const { config, supplied } = configureRecovery(
    deps.rootConfig,
    String(knex.client.config.client),
  );
  const { workspaceProvider } = config;
  logRecoveryOn(
    { supplied, workspaceProvider, isInMemory: isInMemory(knex) },
    logger,
  );

  // Everything that goes on by itself ends with it.
  const lifetime = new AbortController();
  const { signal } = lifetime;
  // More than ten do so; Node.js would warn of a leak.
  setMaxListeners(0, signal);
  const end = () => lifetime.abort();
  // From then on no statement is possible. A pool that the operator made may not report that.
  knex.client.pool?.on?.('poolDestroyRequest', end);

  const exit = config.exitOnLostOwnership ? () => process.exit(1) : undefined;
  const folders = new RunFolders(config.workingDirectory, logger);
  const settling = new Settling();
  const troubles = new Troubles({ logger });
  const registration = new ProcessRegistration({
    knex,
    process: readThisProcess(),
    settling,
    lockTrouble: createLockTrouble(troubles),
    isTimeoutLong: config.timeoutSeconds > DEFAULT_TIMEOUT,
    logger,
  });
  const readiness = new DatabaseReadiness({ knex, database });
  const hasFolder = (taskId: string) => folders.has(taskId);
  const turns = new RunTurns<GuardedRun>({ hasFolder, signal });
  const guard = new RunGuard({
    turns,
    hasFolder,
    wasReady: () => readiness.wasReady,
    onBroken: run => void markBrokenRun(run, { knex, signal, logger }),
  });
  const runs = new OwnedRuns({
    knex,
    folders,
    processNumber: () => registration.number,
    onClaimed: (taskId, token) => guard.claimed(taskId, token),
    onLostOwnership: taskId => guard.lostOwnership(taskId),
    onRolledBack: taskId => turns.rolledBack(taskId),
  });
  const unregister = () => void registration.end(runs.ownsAny());
  signal.addEventListener('abort', unregister, { once: true });
  const common = {
    ...deps,
    knex,
    config,
    signal,
    end,
    exit,
    folders,
    runs,
    turns,
    registration,
    settling,
    poll: new ScaffolderPoll(),
    readiness,
    index: new InFlightIndex({ knex, database }),
    troubles,
    memory: new StrategyMemory({ ...deps, knex }),
    check: new ScaffolderCheck({
      ...deps,
      versions: readInstalledVersions(),
      readSqliteVersion: () => readSqliteVersion(knex),
      // The plugin asks for its client as well. Whether that is this one is what is checked.
      claimNoTask: async claim =>
        claimNoTask(await database.getClient(), claim),
    }),
  };
  const listener = createListener(common);
  const retries = new Retries(common);
  const shutdown = new Shutdown({
    ...common,
    isRetrying: () => retries.areUnderWay,
  });
  const pollCheck = new PollCheck(common);
  const loop = new RecoveryLoop({
    ...common,
    listener,
    pollCheck,
    deferral: new Deferral(common),
    pass: createRecoveryPass({ ...common, listener }),
    tracker: new AttemptTracker({ ...common, listener }),
  });

  common.check.checkVersion();
  watchStatements({ ...common, retries, guard });
  reportBlocked(deps.metrics, () => common.troubles.isBlocking);
  if (config.snapshots) {
    reportKept(deps.metrics, {
      knex,
      isReady: () => readiness.wasReady,
      stores: config.snapshots.readable.stores,
    });
  }
  keepSnapshots({
    ...common,
    inTurn: (taskId, fill) => fillInTurn(taskId, fill, common),
    config: config.snapshots,
    listener: new SnapshotMetrics(deps.metrics),
  });
  deps.httpRouter.use(createRetryRoute(retries));
  deps.httpRouter.use(
    createRouter({
      ...common,
      access: new TaskAccess(deps),
      forecast: new Forecast(common),
      keepSeconds: config.snapshots?.keepSeconds,
    }),
  );

  lifecycle.addStartupHook(() => loop.start());
  lifecycle.addShutdownHook(() => shutdown.begin());
  lifecycle.addShutdownHook(() => common.index.stop());
  if (config.concurrentTasks > 0) {
    rootLifecycle.addStartupHook(() => pollCheck.workersStart());
  }
  rootLifecycle.addShutdownHook(() => shutdown.workersStop());
}

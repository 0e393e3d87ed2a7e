import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { metricsServiceRef } from '@backstage/backend-plugin-api/alpha';
import { catalogServiceRef } from '@backstage/plugin-catalog-node';
import { eventsServiceRef } from '@backstage/plugin-events-node';
import { notificationService } from '@backstage/plugin-notifications-node';
import { scaffolderWorkspaceProviderExtensionPoint } from '@backstage/plugin-scaffolder-node/alpha';
import { Knex } from 'knex';
import { setMaxListeners } from 'node:events';
import { createRetryRoute } from './api/retryRoute';
import { createRouter } from './api/createRouter';
import { TaskAccess } from './api/TaskAccess';
import { configureRecovery, isRecoveryOn } from './config';
import { listen } from './database/listen';
import { BatchDecider } from './rescue/batch/BatchDecider';
import { readSqliteVersion } from './database/operations/server/readSqliteVersion';
import { readInstalledVersions } from './scaffolder/check/installedVersions';
import { ScaffolderCheck } from './scaffolder/check/ScaffolderCheck';
import { SentStatement } from './scaffolder/statements/claimedTask';
import { ScaffolderPoll } from './scaffolder/statements/ScaffolderPoll';
import { DatabaseReadiness } from './rescue/readiness/DatabaseReadiness';
import { Deferral } from './rescue/Deferral';
import { Forecast } from './record/Forecast';
import { Requeuer } from './rescue/requeue/Requeuer';
import { InFlightIndex } from './rescue/readiness/InFlightIndex';
import { FinalAttempts } from './rescue/FinalAttempts';
import { OwnedRuns } from './liveness/OwnedRuns';
import { AttemptTracker } from './record/AttemptTracker';
import { PollCheck } from './rescue/readiness/PollCheck';
import { combineListeners } from './record/RecoveryListener';
import { RecoveryPass } from './rescue/RecoveryPass';
import { RecoveryLoop } from './rescue/RecoveryLoop';
import { Retries } from './rescue/Retries';
import { Shutdown } from './liveness/Shutdown';
import { Settling } from './liveness/Settling';
import { StrategyMemory } from './rescue/strategies/StrategyMemory';
import { Troubles } from './rescue/readiness/Troubles';
import { warnOfWorkspaceProvider } from './scaffolder/settings/warnOfWorkspaceProvider';
import { watchClaims } from './liveness/watchClaims';
import { FolderCleaner } from './workspace/folders/FolderCleaner';
import { RunFolders } from './workspace/folders/RunFolders';
import { logSuppliedSettings } from './scaffolder/settings/logSuppliedSettings';
import { AuditTrail } from './reporting/AuditTrail';
import { Notifier } from './reporting/Notifier';
import { RecoveryMetrics } from './reporting/RecoveryMetrics';
import { reportBlocked } from './reporting/reportBlocked';
import { keepSnapshots } from './workspace/keepSnapshots';

/**
 * Recovers scaffolder tasks that a restart of the backend interrupted, as each template asks for in its `spec.recovery`.
 * Does nothing unless `scaffolder.recoverTasks` is true.
 *
 * @public
 */
export const scaffolderModuleRecovery = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'recovery',
  register({ registerInit }) {
    registerInit({
      deps: {
        auditor: coreServices.auditor,
        auth: coreServices.auth,
        catalog: catalogServiceRef,
        rootConfig: coreServices.rootConfig,
        rootLifecycle: coreServices.rootLifecycle,
        database: coreServices.database,
        events: eventsServiceRef,
        httpAuth: coreServices.httpAuth,
        httpRouter: coreServices.httpRouter,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        metrics: metricsServiceRef,
        notifications: notificationService,
        permissions: coreServices.permissions,
        permissionsRegistry: coreServices.permissionsRegistry,
        scheduler: coreServices.scheduler,
        workspaceProviders: scaffolderWorkspaceProviderExtensionPoint,
      },
      async init(deps) {
        if (!isRecoveryOn(deps.rootConfig)) {
          return;
        }
        const { auth, catalog, database, events, logger, scheduler } = deps;
        const knex = await database.getClient();
        const { config, supplied } = configureRecovery(
          deps.rootConfig,
          String(knex.client.config.client),
        );
        logSuppliedSettings(supplied, logger);
        warnOfWorkspaceProvider(config, logger);

        // Everything that goes on by itself ends with it.
        const lifetime = new AbortController();
        const { signal } = lifetime;
        // More than ten do so; Node.js would warn of a leak.
        setMaxListeners(0, signal);
        const end = () => lifetime.abort();
        // From then on no statement is possible. A pool that the operator made may not tell.
        knex.client.pool?.on?.('poolDestroyRequest', end);

        const workspaces = new RunFolders(config.workingDirectory, logger);
        const runs = new OwnedRuns({ knex, workspaces });
        const settling = new Settling();
        const looks = new ScaffolderPoll();
        listen(knex, 'query', ({ sql }) => looks.sent(sql), signal);
        watchClaims({ knex, runs, workspaces, signal, logger });
        const check = new ScaffolderCheck({
          database,
          versions: readInstalledVersions(),
          readSqliteVersion: () => readSqliteVersion(knex),
          logger,
        });
        check.checkVersion();
        listen(knex, 'start', builder => check.starts(builder), signal);
        listen(
          knex,
          'query',
          (statement: SentStatement) => check.sent(statement),
          signal,
        );
        listen(
          knex,
          'query-response',
          (answer: unknown, statement: SentStatement) =>
            check.answered(answer, statement),
          signal,
        );
        const memory = new StrategyMemory({ knex, catalog, auth, logger });
        const exit = config.exitWhenTakenOver
          ? () => process.exit(1)
          : undefined;
        const retries = new Retries({ knex, config, memory, logger });
        listen(
          knex,
          'start',
          (builder: Knex.QueryBuilder) => retries.starts(builder),
          signal,
        );
        const shutdown = new Shutdown({
          knex,
          runs,
          exit,
          end,
          signal,
          logger,
        });
        const listener = combineListeners(
          [
            new AuditTrail({ auditor: deps.auditor, logger }),
            new RecoveryMetrics(deps.metrics),
            ...(config.notify
              ? [
                  new Notifier({
                    notifications: deps.notifications,
                    signal,
                    logger,
                  }),
                ]
              : []),
          ],
          logger,
        );
        const shared = {
          knex,
          config,
          workspaces,
          runs,
          settling,
          looks,
          events,
          listener,
          logger,
        };
        const requeuer = new Requeuer(shared);
        const pass = new RecoveryPass({
          knex,
          config,
          decider: new BatchDecider({
            ...shared,
            requeuer,
            finalAttempts: new FinalAttempts(shared),
          }),
          requeuer,
          cleaner: new FolderCleaner({
            knex,
            timeoutSeconds: config.timeoutSeconds,
            workspaces,
            settling,
            logger,
          }),
          runs,
          settling,
        });
        const readiness = new DatabaseReadiness({ knex, database });
        keepSnapshots({
          ...deps,
          knex,
          config: config.snapshots,
          readiness,
          runs,
          signal,
        });
        const index = new InFlightIndex({ knex, database });
        const poll = new PollCheck({ looks, settling });
        const troubles = new Troubles({ logger });
        reportBlocked(deps.metrics, () => troubles.isBlocking);
        const runner = new RecoveryLoop({
          knex,
          readiness,
          deferral: new Deferral({ knex, config, logger }),
          index,
          poll,
          check,
          troubles,
          pass,
          memory,
          outcomes: new AttemptTracker({ knex, listener, signal }),
          workspaces,
          runs,
          settling,
          listener,
          exit,
          scheduler,
          events,
          logger,
        });
        deps.httpRouter.use(createRetryRoute(retries));
        deps.httpRouter.use(
          createRouter({
            knex,
            access: new TaskAccess(deps),
            forecast: new Forecast({ knex, config }),
            httpAuth: deps.httpAuth,
          }),
        );
        deps.lifecycle.addStartupHook(() => runner.start());
        deps.lifecycle.addShutdownHook(() => shutdown.begin());
        deps.lifecycle.addShutdownHook(() => index.stop());
        if (config.concurrentTasks > 0) {
          deps.rootLifecycle.addStartupHook(() => poll.workersStart());
        }
        deps.rootLifecycle.addShutdownHook(() => shutdown.workersStop());
      },
    });
  },
});

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
import { createRetryRoute } from './api/retryRoute';
import { createRouter } from './api/createRouter';
import { TaskAccess } from './api/TaskAccess';
import { configureRecovery, isRecoveryOn } from './config';
import { listen } from './database/listen';
import { BatchDecider } from './recovery/BatchDecider';
import { BuiltInLooks } from './recovery/BuiltInLooks';
import { DatabaseReadiness } from './recovery/DatabaseReadiness';
import { Deferral } from './recovery/Deferral';
import { Forecast } from './recovery/Forecast';
import { HandOvers } from './recovery/HandOvers';
import { InFlightIndex } from './recovery/InFlightIndex';
import { LastChances } from './recovery/LastChances';
import { LiveRuns } from './recovery/LiveRuns';
import { Outcomes } from './recovery/Outcomes';
import { PollCheck } from './recovery/PollCheck';
import { combineListeners } from './recovery/RecoveryListener';
import { RecoveryPass } from './recovery/RecoveryPass';
import { RecoveryRunner } from './recovery/RecoveryRunner';
import { Retries } from './recovery/Retries';
import { Shutdown } from './recovery/Shutdown';
import { Steadiness } from './recovery/Steadiness';
import { StrategyMemory } from './recovery/StrategyMemory';
import { Troubles } from './recovery/Troubles';
import { warnOfWorkspaceProvider } from './recovery/warnOfWorkspaceProvider';
import { watchClaims } from './recovery/watchClaims';
import { WorkspaceCleaner } from './recovery/WorkspaceCleaner';
import { Workspaces } from './recovery/Workspaces';
import { logSuppliedSettings } from './scaffolder/logSuppliedSettings';
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
        const end = () => lifetime.abort();
        // From then on no statement is possible. A pool that the operator made may not tell.
        knex.client.pool?.on?.('poolDestroyRequest', end);

        const workspaces = new Workspaces(config.workingDirectory, logger);
        const runs = new LiveRuns({ knex, workspaces });
        const steadiness = new Steadiness();
        const looks = new BuiltInLooks();
        listen(knex, 'query', ({ sql }) => looks.sent(sql), signal);
        watchClaims({ knex, runs, workspaces, signal, logger });
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
          steadiness,
          looks,
          events,
          listener,
          logger,
        };
        const handOvers = new HandOvers(shared);
        const pass = new RecoveryPass({
          knex,
          config,
          decider: new BatchDecider({
            ...shared,
            handOvers,
            lastChances: new LastChances(shared),
          }),
          handOvers,
          cleaner: new WorkspaceCleaner({
            knex,
            timeoutSeconds: config.timeoutSeconds,
            workspaces,
            steadiness,
            logger,
          }),
          runs,
          steadiness,
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
        const poll = new PollCheck({ looks, steadiness });
        const troubles = new Troubles({ logger });
        reportBlocked(deps.metrics, () => troubles.isBlocking);
        const runner = new RecoveryRunner({
          knex,
          readiness,
          deferral: new Deferral({ knex, config, logger }),
          index,
          poll,
          troubles,
          pass,
          memory,
          outcomes: new Outcomes({ knex, listener, signal }),
          workspaces,
          runs,
          steadiness,
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
            keepSeconds: config.snapshots?.keepSeconds,
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

import {
  LifecycleService,
  LoggerService,
  RootConfigService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import { ScaffolderWorkspaceProviderExtensionPoint } from '@backstage/plugin-scaffolder-node/alpha';
import { Knex } from 'knex';
import { DatabaseReadiness } from '../database/readiness/DatabaseReadiness';
import { SnapshotListener } from './snapshots/SnapshotListener';
import { RECOVERY_PROVIDER } from '../scaffolder/settings/settings';
import { RecoveryWorkspaceProvider } from './RecoveryWorkspaceProvider';
import { SnapshotCleaner } from './snapshots/cleaning/SnapshotCleaner';
import { SnapshotConfig } from './snapshotConfig';
import { Snapshots } from './snapshots/Snapshots';
import { openStores } from './stores/openStores';
import { OrphanCleaner } from './snapshots/cleaning/OrphanCleaner';
import { StoreCheck } from './stores/StoreCheck';
import { StoreCleaner } from './snapshots/cleaning/StoreCleaner';

/** Has snapshots of workspaces made, restored and deleted, if that is configured. */
export function keepSnapshots(options: {
  knex: Knex;
  rootConfig: RootConfigService;
  /** Nothing if no snapshots are kept. */
  config: SnapshotConfig | undefined;
  workspaceProviders: ScaffolderWorkspaceProviderExtensionPoint;
  readiness: DatabaseReadiness;
  runs: { isDoubled(taskId: string): boolean };
  inTurn(taskId: string, fill: () => Promise<void>): Promise<void>;
  lifecycle: LifecycleService;
  scheduler: SchedulerService;
  listener: SnapshotListener;
  /** Ends when no statement is possible any more. */
  signal: AbortSignal;
  logger: LoggerService;
}): void {
  const { config, workspaceProviders, lifecycle, scheduler, signal } = options;
  if (!config) {
    return;
  }
  const stores = openStores(config.stores, options).withKeys(config.keys);
  const snapshots = new Snapshots({ ...options, stores, limits: config });
  signal.addEventListener('abort', () => void snapshots.stop(), { once: true });
  workspaceProviders.addProviders({
    [RECOVERY_PROVIDER]: new RecoveryWorkspaceProvider({
      ...options,
      readable: config.readable,
      snapshots,
    }),
  });
  const { keepSeconds } = config;
  const cleaner = new SnapshotCleaner({
    ...options,
    snapshots,
    keepSeconds,
    cleaners: [
      new OrphanCleaner({ ...options, stores }),
      new StoreCleaner({ ...options, stores }),
    ],
  });
  const check = new StoreCheck({ ...options, stores });
  lifecycle.addStartupHook(() => cleaner.schedule(scheduler));
  lifecycle.addStartupHook(() => void check.run());
}

import {
  createServiceFactory,
  ServiceFactory,
} from '@backstage/backend-plugin-api';
import {
  createMockDirectory,
  mockCredentials,
  mockServices,
  startTestBackend,
  TestDatabases,
} from '@backstage/backend-test-utils';
import { schedulerServiceFactory } from '@backstage/backend-defaults/scheduler';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import notificationsPlugin from '@backstage/plugin-notifications-backend';
import { notificationService } from '@backstage/plugin-notifications-node';
import scaffolderPlugin from '@backstage/plugin-scaffolder-backend';
import recoveryModule from '..';
import {
  databaseOfScaffolder,
  insertTask,
  migrateScaffolder,
  readTask,
} from '../__testUtils__/scaffolderDatabase';
import { rememberStrategy } from '../__testUtils__/rememberStrategy';
import { waitFor } from '../../dev/harness/waitFor';

jest.setTimeout(60_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const ANNE = 'user:default/anne';

describe('a backend with the notifications plugin', () => {
  const directory = createMockDirectory();

  /** Starts a backend that finds an interrupted task of Anne's. */
  async function recover(
    scaffolder: { recoverTasksNotify?: boolean },
    services: ServiceFactory[] = [],
  ) {
    const knex = await databases.init('SQLITE_3');
    await migrateScaffolder(knex);
    const id = await insertTask(knex);
    await knex('tasks').update({ created_by: ANNE });
    await rememberStrategy(knex, {
      task_id: id,
      strategy: 'none',
      source: 'default',
      remark: null,
    });
    const backend = await startTestBackend({
      features: [
        scaffolderPlugin,
        notificationsPlugin,
        recoveryModule,
        schedulerServiceFactory,
        ...services,
        catalogServiceMock.factory({
          entities: [
            {
              apiVersion: 'backstage.io/v1alpha1',
              kind: 'User',
              metadata: { name: 'anne', namespace: 'default' },
              spec: {},
            },
          ],
        }),
        databaseOfScaffolder(knex),
        mockServices.rootConfig.factory({
          data: {
            app: { baseUrl: 'http://localhost:3000' },
            backend: { workingDirectory: directory.path },
            scaffolder: {
              recoverTasks: true,
              taskRecovery: { enabled: true, staleTimeout: { hours: 12 } },
              ...scaffolder,
            },
          },
        }),
      ],
    });
    const notifications = async () => {
      const response = await fetch(
        `http://localhost:${backend.server.port()}/api/notifications/notifications`,
        { headers: { authorization: mockCredentials.user.header(ANNE) } },
      );
      return (await response.json()).notifications;
    };
    await waitFor(
      'the decision',
      async () => (await readTask(knex, id)).status === 'failed',
    );
    return { backend, id, notifications };
  }

  it('has one for the person whose task was closed while it started', async () => {
    const { backend, id, notifications } = await recover({
      recoverTasksNotify: true,
    });
    await waitFor(
      'the notification',
      async () => (await notifications()).length > 0,
    );
    expect(await notifications()).toEqual([
      expect.objectContaining({
        user: ANNE,
        payload: expect.objectContaining({
          title: 'sample: your task was interrupted and closed',
          description: expect.stringContaining('It was not run again'),
          link: expect.stringContaining(`/create/tasks/${id}`),
          severity: 'high',
        }),
      }),
    ]);
    await backend.stop();
  });

  it.each([true, false])(
    'sends one only if that is switched on: %s',
    async recoverTasksNotify => {
      const send = jest.fn(async () => {});
      const { backend } = await recover({ recoverTasksNotify }, [
        createServiceFactory({
          service: notificationService,
          deps: {},
          factory: () => ({ send }),
        }),
      ]);
      await backend.stop();
      expect(send).toHaveBeenCalledTimes(recoverTasksNotify ? 1 : 0);
    },
  );
});

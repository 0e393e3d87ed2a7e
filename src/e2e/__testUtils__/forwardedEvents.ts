/*
 * A backend whose events about tasks travel to another process, as they do with an events backend that all replicas use: what is
 * published here is posted to the backend at `forwardEventsTo`, if that is configured, which publishes it for its own subscribers.
 */
import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { eventsServiceRef } from '@backstage/plugin-events-node';
import express from 'express';
import { sampleActions } from '../../../dev/harness/actions/sampleActions';
import { startBackend } from '../../../dev/harness/backend/startBackend';

const forwardedEvents = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'forwarded-events',
  register({ registerInit }) {
    registerInit({
      deps: {
        config: coreServices.rootConfig,
        events: eventsServiceRef,
        httpRouter: coreServices.httpRouter,
        logger: coreServices.logger,
      },
      async init({ config, events, httpRouter, logger }) {
        const to = config.getOptionalString('forwardEventsTo');
        if (to) {
          await events.subscribe({
            id: 'forwarded-events',
            topics: ['scaffolder.task'],
            onEvent: async ({ eventPayload }) => {
              await fetch(`${to}/api/scaffolder/forwarded-events`, {
                method: 'POST',
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify(eventPayload),
              });
            },
          });
          return;
        }
        const router = express.Router();
        router.post('/forwarded-events', express.json(), async (req, res) => {
          await events.publish({
            topic: 'scaffolder.task',
            eventPayload: req.body,
          });
          const { id, status } = req.body;
          logger.info(`Event of another process: task ${id} is ${status}`);
          res.status(204).end();
        });
        httpRouter.use(router);
        httpRouter.addAuthPolicy({
          path: '/forwarded-events',
          allow: 'unauthenticated',
        });
      },
    });
  },
});

startBackend(sampleActions, forwardedEvents, import('../..'));

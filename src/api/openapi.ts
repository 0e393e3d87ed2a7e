import { decisions, outcomes, strategies, triggers } from './enums';
import { DEFAULT_LIMIT, MAX_LIMIT, SUMMARY_DAYS } from './limits';
import { schemas } from './schemas';

/*
 * The REST API, as an OpenAPI document. What requests may contain is checked against it, and it is served beside the API as
 * `openapi.json`. Here and not in a YAML file, since TypeScript then knows the routes and their answers.
 */

const error = (description: string) =>
  ({
    description,
    content: {
      'application/json': { schema: { $ref: '#/components/schemas/Error' } },
    },
  }) as const;

const errors = {
  '400': error('A parameter is wrong. The message names it.'),
  '401': error('There are no credentials.'),
  '403': error('Reading tasks is not allowed.'),
} as const;

const json = <T extends string>(description: string, schema: T) =>
  ({
    description,
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${schema}` },
      },
    },
  }) as const;

const range = [
  {
    name: 'decidedAfter',
    in: 'query',
    // Otherwise the colons would have to be encoded.
    allowReserved: true,
    description: 'Only decisions made at this time or later.',
    schema: { type: 'string', format: 'date-time' },
    example: '2026-11-25T00:00:00Z',
  },
  {
    name: 'decidedBefore',
    in: 'query',
    // Otherwise the colons would have to be encoded.
    allowReserved: true,
    description: 'Only decisions made before this time.',
    schema: { type: 'string', format: 'date-time' },
  },
] as const;

const summaryRange = [
  {
    ...range[0],
    description: `Only decisions made at this time or later. If not given, ${SUMMARY_DAYS} days before \`decidedBefore\`.`,
  },
  {
    ...range[1],
    description: 'Only decisions made before this time. If not given, now.',
  },
] as const;

/** @see https://spec.openapis.org/oas/v3.1.0 */
export const spec = {
  openapi: '3.1.0',
  info: {
    title: 'scaffolder-recovery',
    version: '1',
    description:
      'What was done about interrupted scaffolder tasks, and why. Who may read a task (`scaffolder.task.read`) may read this about it. Neither parameters nor secrets of tasks are shown.',
    license: { name: 'Apache-2.0' },
  },
  // As the requests come in below the path that all of this is served at.
  servers: [{ url: '/' }],
  paths: {
    '/attempts': {
      get: {
        operationId: 'ListAttempts',
        summary:
          'The decisions on tasks, after interruptions or for retries, newest first.',
        parameters: [
          {
            name: 'taskId',
            in: 'query',
            schema: { type: 'string', format: 'uuid' },
          },
          {
            name: 'templateRef',
            in: 'query',
            allowReserved: true,
            schema: { type: 'string', minLength: 1 },
            example: 'template:default/my-template',
          },
          {
            name: 'strategy',
            in: 'query',
            schema: { type: 'string', enum: strategies },
          },
          {
            name: 'trigger',
            in: 'query',
            schema: { type: 'string', enum: triggers },
          },
          {
            name: 'decision',
            in: 'query',
            schema: { type: 'string', enum: decisions },
          },
          {
            name: 'outcome',
            in: 'query',
            schema: { type: 'string', enum: outcomes },
          },
          ...range,
          {
            name: 'limit',
            in: 'query',
            schema: {
              type: 'integer',
              minimum: 1,
              maximum: MAX_LIMIT,
              default: DEFAULT_LIMIT,
            },
          },
          {
            name: 'cursor',
            in: 'query',
            description: '`pageInfo.nextCursor` of the page before.',
            schema: { type: 'string', minLength: 1 },
          },
        ],
        responses: {
          '200': json('A page of decisions.', 'AttemptList'),
          ...errors,
        },
      },
    },
    '/tasks/{taskId}': {
      get: {
        operationId: 'GetTask',
        summary:
          'The decisions on a task, and what would happen to it if it were interrupted now.',
        parameters: [
          {
            name: 'taskId',
            in: 'path',
            required: true,
            schema: { type: 'string', format: 'uuid' },
          },
        ],
        responses: {
          '200': json('What there is about the task.', 'Task'),
          ...errors,
          '404': error(
            'There is no such task, or none that the caller may read.',
          ),
        },
      },
    },
    '/summary': {
      get: {
        operationId: 'GetSummary',
        summary: `How many decisions there were of which kind, in the last ${SUMMARY_DAYS} days unless \`decidedAfter\` is given.`,
        parameters: summaryRange,
        responses: { '200': json('The counts.', 'Summary'), ...errors },
      },
    },
  },
  components: { schemas },
} as const;

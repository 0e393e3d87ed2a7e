import {
  causes,
  decisions,
  evidence,
  filesKinds,
  outcomes,
  reasonsToRunAgain,
  stepForecasts,
  strategies,
  strategySources,
  triggers,
} from './enums';
import { MOST_ATTEMPTS_OF_TASK } from './limits';

const files = {
  type: 'object',
  description:
    'The files that the run begins with. `empty`: none. `snapshot`: those that were there when the step had ended. `missing`: none, since there is no snapshot of those. Not there if no snapshots are kept.',
  required: ['kind'],
  properties: {
    kind: { type: 'string', enum: filesKinds },
    stepId: { type: 'string' },
    number: {
      type: 'integer',
      description: 'Of the snapshot, counted from 1 for each task.',
    },
    problem: {
      type: 'string',
      description: 'Why there is no snapshot, if it is known.',
    },
  },
} as const;

const stepAgain = {
  because: {
    type: 'string',
    enum: reasonsToRunAgain,
    description:
      '`restart`: all steps do. `neededBy`: steps that run depend on it. `afterFailed`: it ran after the failure of a step that runs again. `sharedId`: another step with the same id had not finished. `noOutput`: its output was not recorded. `filesLost`: it changed files, or may have, and the run begins with those from before it. `noSnapshot`: its files are gone, and no step has a `dependsOn`. `invalidPlan`: the dependencies of the template are invalid, so all steps run again.',
  },
  neededBy: {
    type: 'array',
    items: { type: 'string' },
    description: 'The steps that depend on it, with `neededBy`.',
  },
  failedStep: {
    type: 'string',
    description: 'The step that had failed, with `afterFailed`.',
  },
} as const;

/** What the API answers with, `components.schemas` of its OpenAPI document. */
export const schemas = {
  AttemptList: {
    type: 'object',
    required: ['items', 'pageInfo'],
    properties: {
      items: {
        type: 'array',
        items: { $ref: '#/components/schemas/Attempt' },
      },
      pageInfo: {
        type: 'object',
        properties: {
          nextCursor: {
            type: 'string',
            description: 'There only if there is more.',
          },
        },
      },
    },
  },
  Attempt: {
    type: 'object',
    description: 'A decision on a task: after an interruption, or for a retry.',
    required: [
      'taskId',
      'attempt',
      'decision',
      'outcome',
      'trigger',
      'skippedSteps',
      'stepsAgain',
      'decidedAt',
    ],
    properties: {
      taskId: { type: 'string', format: 'uuid' },
      attempt: {
        type: 'integer',
        description: 'Counts the decisions on this task, from 1.',
      },
      trigger: {
        type: 'string',
        enum: triggers,
        description:
          '`interruption`: its run was interrupted. `retry`: somebody started it again after it had ended.',
      },
      templateRef: { type: 'string' },
      strategy: { type: 'string', enum: strategies },
      strategySource: {
        type: 'string',
        enum: strategySources,
        description:
          'Where the strategy came from: `spec.recovery` of the template, its `EXPERIMENTAL_recovery`, neither is set, it is invalid, or the template is not in the catalog.',
      },
      decision: {
        type: 'string',
        enum: decisions,
        description:
          '`failed` and `cancelled`: closed as that. `finish`: its steps had finished, its result is recorded. `restart`: runs from its first step. `resume`: goes on at the interrupted step.',
      },
      reason: {
        type: 'string',
        description: 'The reason, as in the log of the task.',
      },
      interruptedBy: {
        type: 'string',
        enum: causes,
        description:
          '`shutdown`: its backend had been asked to end, as for a deployment. `crash`: its process is known to be dead. `connection`: its backend lost its connection to the database. `silence`: it had no heartbeat for the timeout. Nothing for a retry.',
      },
      knownBy: {
        type: 'string',
        enum: evidence,
        description:
          'Of a crash. `lock`: the lock that its process held in the database was free. `pid`: its process id was gone.',
      },
      interruptedAt: {
        type: 'string',
        description:
          'The step that it was interrupted at. For a retry the one that it had failed or was cancelled at.',
      },
      secondsSilent: {
        type: 'number',
        description: 'How long the task had no heartbeat.',
      },
      skippedSteps: { type: 'array', items: { type: 'string' } },
      stepsAgain: {
        type: 'array',
        items: {
          type: 'object',
          required: ['stepId', 'because'],
          properties: { stepId: { type: 'string' }, ...stepAgain },
        },
      },
      files,
      decidedAt: { type: 'string', format: 'date-time' },
      claimedAt: {
        type: 'string',
        format: 'date-time',
        description: 'When a worker claimed it for the further run.',
      },
      resumedAt: {
        type: 'string',
        format: 'date-time',
        description: 'When the first step of the further run began.',
      },
      endedAt: {
        type: 'string',
        format: 'date-time',
        description: 'When the further run ended.',
      },
      outcome: {
        type: 'string',
        enum: outcomes,
        description:
          'How the further run ended. `waiting`: not claimed yet. `interrupted`: it was interrupted as well. `withdrawn`: there was none, since the task was running after all. `closed`: there was to be none.',
      },
    },
  },
  Task: {
    type: 'object',
    required: ['taskId', 'status', 'attempts'],
    properties: {
      taskId: { type: 'string', format: 'uuid' },
      status: { type: 'string' },
      attempts: {
        type: 'array',
        description: `The newest first, at most ${MOST_ATTEMPTS_OF_TASK}.`,
        items: { $ref: '#/components/schemas/Attempt' },
      },
      workspace: {
        type: 'object',
        description: 'What is kept of its files. Not there if nothing is.',
        required: ['snapshots', 'storedBytes', 'stores'],
        properties: {
          snapshots: { type: 'integer' },
          storedBytes: {
            type: 'integer',
            description: 'What they take in the stores, compressed.',
          },
          stores: {
            type: 'array',
            items: { type: 'string' },
            description:
              'Where the content of files is: `database`, or the type and the place of another store.',
          },
          keptUntil: {
            type: 'string',
            format: 'date-time',
            description:
              'Of a task that failed or was cancelled: when they may be deleted, unless it is started again. Within five minutes after that they are.',
          },
        },
      },
      ifInterruptedNow: { $ref: '#/components/schemas/Forecast' },
    },
  },
  Forecast: {
    type: 'object',
    description:
      'What would happen if its backend crashed now. Only of a task that runs.',
    required: ['decision', 'steps'],
    properties: {
      decision: {
        type: 'string',
        enum: [...decisions, 'later'],
        description:
          'As of an attempt. `later`: its strategy is not known yet.',
      },
      strategy: { type: 'string', enum: strategies },
      strategySource: { type: 'string' },
      remark: {
        type: 'string',
        description: 'What the author of the template should know.',
      },
      goesOnAt: { type: 'string', description: 'The step.' },
      files,
      steps: {
        type: 'array',
        description: 'In their order. Empty if nothing would run.',
        items: {
          type: 'object',
          required: ['stepId', 'happens'],
          properties: {
            stepId: { type: 'string' },
            happens: {
              type: 'string',
              enum: stepForecasts,
            },
            ...stepAgain,
          },
        },
      },
    },
  },
  Summary: {
    type: 'object',
    required: ['decidedAfter', 'decidedBefore', 'total', 'counts'],
    properties: {
      decidedAfter: {
        type: 'string',
        format: 'date-time',
        description: 'Start of the counted period, inclusive.',
      },
      decidedBefore: {
        type: 'string',
        format: 'date-time',
        description: 'End of the counted period, exclusive.',
      },
      total: { type: 'integer' },
      counts: {
        type: 'array',
        items: {
          type: 'object',
          required: ['trigger', 'decision', 'outcome', 'count'],
          properties: {
            trigger: { type: 'string', enum: triggers },
            strategy: { type: 'string', enum: strategies },
            decision: { type: 'string', enum: decisions },
            outcome: { type: 'string', enum: outcomes },
            count: { type: 'integer' },
          },
        },
      },
    },
  },
  Error: {
    type: 'object',
    required: ['error', 'response'],
    properties: {
      error: {
        type: 'object',
        required: ['name', 'message'],
        properties: {
          name: { type: 'string' },
          message: { type: 'string' },
        },
      },
      response: {
        type: 'object',
        required: ['statusCode'],
        properties: { statusCode: { type: 'integer' } },
      },
    },
  },
} as const;

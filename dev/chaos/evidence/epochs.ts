import type {
  AttemptRecord,
  EventRecord,
  RetryRecord,
  TaskRecord,
} from './records';
import { Run } from './runs';

/** All that is known of one task. */
export type TaskEvidence = {
  task: TaskRecord;
  runs: Run[];
  events: EventRecord[];
  attempts: AttemptRecord[];
  /** What was asked, whether it happened or not. */
  retry?: RetryRecord;
};

/**
 * What is known of a task from its start to its end, or from its retry to the end after that. What a strategy promises holds
 * within each: whoever starts a task again asks for its steps to run again.
 */
export type Epoch = Omit<TaskEvidence, 'retry' | 'attempts'> & {
  /** The retry that it began with, if it did. */
  retry?: RetryRecord;
  /** The record of that retry, if there is one. */
  retryRecord?: AttemptRecord;
  /** Decisions on interruptions, in their order. */
  attempts: AttemptRecord[];
  /** What ran, was written, and was decided on interruptions before it. */
  earlierRuns: Run[];
  earlierEvents: EventRecord[];
  earlierAttempts: AttemptRecord[];
};

const NOTHING_EARLIER = {
  earlierRuns: [],
  earlierEvents: [],
  earlierAttempts: [],
};

/** The parts of the course of a task that are held against its strategy, each on its own. One, unless it was started again. */
export function epochsOf(of: TaskEvidence): Epoch[] {
  const { task, runs, events, retry } = of;
  const onInterruption = of.attempts
    .filter(a => a.trigger === 'interruption')
    .sort((a, b) => a.attempt - b.attempt);
  const retriedAt = retry?.at;
  if (retry === undefined || retriedAt === undefined) {
    const attempts = onInterruption;
    return [{ task, runs, events, attempts, ...NOTHING_EARLIER }];
  }
  const { signInExpiredAt } = task;
  const first = runs.filter(r => r.beganAt < retriedAt);
  // Not by the time alone: the end before it may bear the same.
  const begin = events.findIndex(
    e => e.type === 'recovered' && e.at === retriedAt,
  );
  return [
    {
      // Only such tasks are started again, and it had no secrets then: the retry brings its own.
      task: { ...task, status: 'failed', hasSecrets: false },
      runs: first,
      events: events.slice(0, begin),
      attempts: onInterruption.filter(a => a.at < retriedAt),
      ...NOTHING_EARLIER,
    },
    {
      task: {
        ...task,
        // The retry came with a sign-in of its own.
        signInExpiredAt:
          signInExpiredAt !== undefined && signInExpiredAt > retriedAt
            ? signInExpiredAt
            : undefined,
      },
      runs: runs.filter(r => r.beganAt >= retriedAt),
      events: events.slice(begin),
      attempts: onInterruption.filter(a => a.at >= retriedAt),
      earlierRuns: first,
      earlierEvents: events.slice(0, begin),
      earlierAttempts: onInterruption.filter(a => a.at < retriedAt),
      retry,
      retryRecord: of.attempts.find(a => a.trigger === 'retry'),
    },
  ];
}

import { SUMMARY_DAYS } from './limits';

/**
 * The time over which a summary counts: as long as it is asked for, and otherwise the last 30 days. There is a row for each decision ever
 * made, so that without a beginning each summary would read more than the one before.
 *
 * @param now - by the clock of the database
 */
export function summaryRange(
  asked: { decidedAfter?: Date; decidedBefore?: Date },
  now: Date,
): { decidedAfter: Date; decidedBefore: Date } {
  const {
    // The next whole second: on SQLite, a decision of just now has the time of the last one.
    decidedBefore = new Date(Math.floor(now.getTime() / 1000) * 1000 + 1000),
    decidedAfter = new Date(
      decidedBefore.getTime() - SUMMARY_DAYS * 86_400_000,
    ),
  } = asked;
  return { decidedAfter, decidedBefore };
}

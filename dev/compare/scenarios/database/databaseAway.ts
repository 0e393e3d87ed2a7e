import type { Scenario } from '../../scenario';
import { disturbSlowStep } from './slowStep';

const AWAY_SECONDS = 4;
/** Longer than the outage, the timeout and the built-in's next poll together. */
const STEP_SECONDS = 30;

export const databaseAway: Scenario = {
  id: '3',
  title: `PostgreSQL away for ${AWAY_SECONDS} s under a running step`,
  done: `PostgreSQL is stopped for ${AWAY_SECONDS} s while a step of ${STEP_SECONDS} s runs. The backend stays up`,
  wanted: 'the task completes, and each step ran once',
  alone: true,
  async run(site) {
    const backend = await site.createBackend('backend');
    const client = await backend.start();
    const { status, slow, next, text } = await disturbSlowStep(
      site,
      client,
      STEP_SECONDS,
      () => site.interruptPostgres(AWAY_SECONDS * 1000),
    );
    return { ok: status === 'completed' && slow === 1 && next === 1, text };
  },
};

import { STORE_FAULTS, StoreFault } from '../stores/storeFaults';
import { NETWORK_FAULTS } from './networkFaults';
import { Random } from '../random';
import { TIMEOUT_SECONDS } from '../settings';

const FAULT_KINDS = [
  'kill',
  'terminate',
  'stop',
  'sever',
  'postgres',
  'killAll',
  'killAtFiles',
  'severAtFiles',
  'postgresAtFiles',
  ...NETWORK_FAULTS,
  'severLock',
  'noConnections',
  ...STORE_FAULTS,
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export const FAULT_NAMES: Record<FaultKind, string> = {
  kill: 'SIGKILL of a backend, restart',
  terminate: 'SIGTERM of a backend, restart',
  stop: 'SIGSTOP of a backend, SIGCONT',
  sever: 'connections to PostgreSQL severed',
  postgres: 'PostgreSQL restarted',
  killAll: 'all backends killed, restart',
  killAtFiles: 'SIGKILL in the middle of storing or restoring files, restart',
  severAtFiles: 'connection severed in the middle of that',
  postgresAtFiles: 'PostgreSQL restarted in the middle of that',
  cut: 'a backend cut off from PostgreSQL, with resets',
  blackHole: 'a backend cut off in silence, what was sent arrives later',
  blackHoleReset: 'a backend cut off in silence, then reset',
  delay: 'a backend far away from PostgreSQL',
  severLock: 'the connection of a lock severed',
  noConnections: 'PostgreSQL without a free connection',
  storeAway: 'the store away',
  storeSlow: 'the store slow',
  storeRefuses: 'the store answers 503',
  storeBreaksOff: 'the store breaks off its answers',
};

/** What is drawn for one fault. What it hits also depends on which backends are up when it is due. */
export type PlannedFault = {
  kind: FaultKind;
  /** Since the fault before it, or the start. */
  afterMs: number;
  /** How long what it takes away stays away: a backend is not started, a process is stopped, PostgreSQL is down. */
  durationMs: number;
  /** From 0 to just below 1: which of the backends that can be hit, or which of the moments. */
  target: number;
  /** It follows while the one before it is still going on. */
  isSecond: boolean;
};

const WEIGHTS: Record<FaultKind, number> = {
  kill: 3.5,
  terminate: 3.5,
  stop: 3,
  sever: 3,
  postgres: 1,
  killAll: 1,
  killAtFiles: 3.5,
  severAtFiles: 1.5,
  postgresAtFiles: 0.75,
  // One backend of three is cut off in a third of the time.
  cut: 1.5,
  blackHole: 1,
  blackHoleReset: 0.75,
  delay: 0.75,
  severLock: 1.5,
  noConnections: 0.5,
  storeAway: 4,
  storeSlow: 1,
  storeRefuses: 1.5,
  storeBreaksOff: 1,
};

/** One of four faults is followed by a second one while it is going on. */
const SECOND_FAULTS = 0.25;

/** The kinds that are injected where so many things can be done to the store. */
export function faultKinds(ofStore: readonly StoreFault[]): FaultKind[] {
  const left: readonly FaultKind[] = STORE_FAULTS.filter(
    fault => !ofStore.includes(fault),
  );
  return FAULT_KINDS.filter(kind => !left.includes(kind));
}

/** All faults, without an end. The same for the same random numbers and kinds. */
export function* planFaults(
  random: Random,
  kinds: FaultKind[],
): Generator<PlannedFault> {
  const draw = (afterMs: number, isSecond: boolean) =>
    drawFault(random, { kinds, afterMs, isSecond });
  for (;;) {
    yield draw(random.between(1_400, 4_400), false);
    const second = draw(random.between(50, 1_500), true);
    if (random.next() < SECOND_FAULTS) {
      yield second;
    }
  }
}

function drawFault(
  random: Random,
  of: { kinds: FaultKind[]; afterMs: number; isSecond: boolean },
): PlannedFault {
  const { kinds, afterMs, isSecond } = of;
  const kind = drawKind(random, kinds);
  const durationMs = drawDuration(random, kind);
  return { kind, afterMs, durationMs, target: random.next(), isSecond };
}

function drawKind(random: Random, kinds: FaultKind[]): FaultKind {
  const total = kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0);
  let left = random.next() * total;
  return kinds.find(kind => (left -= WEIGHTS[kind]) < 0) ?? 'kill';
}

/** Exactly one random number for every kind, so that the rest of the plan does not depend on the kind. */
export function drawDuration(random: Random, kind: FaultKind): number {
  switch (kind) {
    case 'stop':
      // A process that is stopped for longer than the timeout counts as dead, and that is not what is tried here.
      return random.between(300, 0.6 * TIMEOUT_SECONDS * 1000);
    case 'postgres':
    case 'postgresAtFiles':
      return random.between(500, 4_000);
    case 'killAll':
      // Also longer than the timeout: then the first one that starts finds tasks that are interrupted.
      return random.logBetween(100, 1.5 * TIMEOUT_SECONDS * 1000);
    case 'cut':
    case 'blackHole':
    case 'blackHoleReset':
    case 'delay':
      // Also longer than the timeout.
      return random.logBetween(2_000, 20_000);
    case 'noConnections':
    case 'storeAway':
    case 'storeSlow':
    case 'storeRefuses':
    case 'storeBreaksOff':
      return random.between(2_000, 10_000);
    default:
      return random.between(0, 2_000);
  }
}

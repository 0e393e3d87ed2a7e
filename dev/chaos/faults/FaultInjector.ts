import { drawDuration, FaultKind, PlannedFault } from './faultPlan';
import { FILE_MOMENTS, FileMoment, HeldBackend, holdAt } from './FileMoments';
import { disturb } from './networkFaults';
import { Random } from '../random';
import { Replica } from '../../harness/backend/Replica';
import { ChaosSite } from '../ChaosSite';

/** A fault that was injected. */
export type Fault = {
  kind: FaultKind;
  /** What it hit: backends, PostgreSQL, or whoever comes to a moment. */
  target: string;
  /** The moment that it waits for, if it does. */
  moment?: string;
  /** When a backend came to it. Nothing if none came. */
  hitAt?: number;
  startedAt: number;
  /** When all that it took away was back. */
  endedAt?: number;
  /** The kinds of those that were still going on when it began. */
  during: FaultKind[];
};

/** What is tried instead if nothing is there that a fault could hit. Not PostgreSQL, or it would be away too often. */
const SUBSTITUTES: FaultKind[] = ['kill', 'terminate', 'stop', 'sever'];

/** A process that was stopped and stopped again at once could not give a sign of life in between. */
const BETWEEN_STOPS_MS = 3_000;

/** How long a fault waits for a backend to come to a moment. Recoveries, at which files are restored, come in bursts. */
const WAIT_FOR_MOMENT_MS = 60_000;

/** What a fault hits. */
type Target = {
  name: string;
  replicas: Replica[];
  /** When it hits. At once if it is not given. */
  moment?: FileMoment;
};

/** Injects faults. None waits for another to be over. */
export class FaultInjector {
  readonly faults: Fault[] = [];
  #failure?: { error: unknown };
  #isPostgresAway = false;
  #waitsForMoment = false;
  #isNetworkDisturbed = false;
  #areConnectionsTaken = false;
  readonly #running = new Set<Promise<void>>();

  constructor(
    private readonly site: ChaosSite,
    private readonly log: (line: string) => void,
  ) {}

  /**
   * @returns false if there is nothing to hit now, since no backend is up.
   * @throws what went wrong in an earlier fault.
   */
  inject(planned: PlannedFault): boolean {
    this.#rethrow();
    for (const kind of [planned.kind, ...SUBSTITUTES]) {
      const targets = this.#targetsFor(kind, planned.isSecond);
      if (targets.length > 0) {
        const target = targets[Math.floor(planned.target * targets.length)];
        this.#begin(
          kind,
          target,
          kind === planned.kind
            ? planned.durationMs
            : drawDuration(new Random(planned.durationMs), kind),
        );
        return true;
      }
    }
    return false;
  }

  /** Waits until all that was taken away is back. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
    this.#rethrow();
  }

  #begin(kind: FaultKind, target: Target, durationMs: number): void {
    const fault: Fault = {
      kind,
      target: target.name,
      moment: target.moment?.name,
      startedAt: Date.now(),
      during: this.faults.filter(f => f.endedAt === undefined).map(f => f.kind),
    };
    this.faults.push(fault);
    this.log(
      `fault ${this.faults.length}: ${kind} of ${fault.target}, ${Math.round(
        durationMs,
      )} ms${fault.during.length > 0 ? `, during ${fault.during}` : ''}`,
    );
    const running = this.#carryOut(fault, target, durationMs)
      .catch(error => {
        this.#failure ??= { error };
      })
      .finally(() => {
        fault.endedAt = Date.now();
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  async #carryOut(
    fault: Fault,
    { replicas, moment }: Target,
    durationMs: number,
  ): Promise<void> {
    switch (fault.kind) {
      case 'stop':
        await replicas[0].stop(durationMs);
        break;
      case 'sever':
        await this.site.severConnections(
          replicas.length === 1 ? replicas[0] : undefined,
        );
        break;
      case 'postgres':
        await this.#interruptPostgres(durationMs);
        break;
      case 'killAtFiles':
      case 'severAtFiles':
      case 'postgresAtFiles':
        await this.#hitAt(moment!, fault, durationMs);
        break;
      case 'cut':
      case 'blackHole':
      case 'blackHoleReset':
      case 'delay':
        this.#isNetworkDisturbed = true;
        await disturb(
          this.site.networkOf(replicas[0]),
          fault.kind,
          durationMs,
        ).finally(() => {
          this.#isNetworkDisturbed = false;
        });
        break;
      case 'severLock':
        await this.site.severLock(replicas[0]);
        break;
      case 'noConnections':
        this.#areConnectionsTaken = true;
        await this.site.takeConnections(durationMs).finally(() => {
          this.#areConnectionsTaken = false;
        });
        break;
      default: {
        const signal = fault.kind === 'terminate' ? 'SIGTERM' : 'SIGKILL';
        await Promise.all(replicas.map(r => r.end(signal, durationMs)));
        await Promise.all(replicas.map(r => r.untilReady()));
      }
    }
  }

  async #interruptPostgres(durationMs: number): Promise<void> {
    this.#isPostgresAway = true;
    try {
      await this.site.interruptPostgres(durationMs);
    } finally {
      this.#isPostgresAway = false;
    }
  }

  async #hitAt(
    moment: FileMoment,
    fault: Fault,
    durationMs: number,
  ): Promise<void> {
    const { knex, replicas } = this.site;
    let killed: Replica | undefined;
    const hit = async (held: HeldBackend) => {
      fault.hitAt = Date.now();
      const name =
        fault.kind === 'postgresAtFiles' ? 'PostgreSQL' : held.replica;
      this.log(`${fault.kind} hits ${name} at ${moment.name}`);
      if (fault.kind === 'killAtFiles') {
        killed = replicas.find(r => r.name === held.replica)!;
        await killed.end('SIGKILL', durationMs);
      } else if (fault.kind === 'severAtFiles') {
        await this.site.severConnection(held.pid);
      } else if (!this.#isPostgresAway) {
        await this.#interruptPostgres(durationMs);
      }
    };
    this.#waitsForMoment = true;
    try {
      await holdAt(knex, moment, WAIT_FOR_MOMENT_MS, hit);
    } finally {
      this.#waitsForMoment = false;
    }
    await killed?.untilReady();
  }

  /** What such a fault can hit now. */
  #targetsFor(kind: FaultKind, isSecond: boolean): Target[] {
    const { replicas } = this.site;
    const ready = replicas.filter(r => r.isReady);
    const alive = replicas.filter(r => r.isAlive);
    const postgres = { name: 'PostgreSQL', replicas: [] };
    switch (kind) {
      case 'stop':
        return (
          ready
            // One that was asked to end is given up for dead after five seconds, not after the timeout.
            .filter(r => !r.isEnding)
            .filter(r => !r.isStopped && r.runsForMs > BETWEEN_STOPS_MS)
            .map(r => targetOf([r]))
        );
      case 'sever':
        return this.#isPostgresAway || ready.length === 0
          ? []
          : [...ready.map(r => [r]), replicas].map(targetOf);
      case 'postgres':
        return this.#isPostgresAway ? [] : [postgres];
      case 'killAll':
        return ready.length > 1 ? [targetOf(alive)] : [];
      case 'killAtFiles':
      case 'severAtFiles':
      case 'postgresAtFiles':
        // One at a time: it locks a table.
        return this.#waitsForMoment
          ? []
          : FILE_MOMENTS.map(moment => ({
              name: moment.name,
              replicas: [],
              moment,
            }));
      case 'cut':
      case 'blackHole':
      case 'blackHoleReset':
      case 'delay':
        // One at a time: somebody has to go on.
        return this.#isNetworkDisturbed ? [] : ready.map(r => targetOf([r]));
      case 'severLock':
        return this.#isPostgresAway ? [] : ready.map(r => targetOf([r]));
      case 'noConnections':
        return this.#isPostgresAway || this.#areConnectionsTaken
          ? []
          : [postgres];
      default:
        // Those that just start are left in peace but for a second fault. Otherwise hardly any would get to run tasks.
        return (isSecond ? alive : ready).map(r => targetOf([r]));
    }
  }

  #rethrow(): void {
    if (this.#failure) {
      throw this.#failure.error;
    }
  }
}

function targetOf(replicas: Replica[]): Target {
  return { name: replicas.map(r => r.name).join(), replicas };
}

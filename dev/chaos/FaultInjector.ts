import { drawDuration, FaultKind, PlannedFault } from './faultPlan';
import { Random } from './random';
import { Replica } from '../harness/Replica';
import { Site } from './Site';

/** A fault that was injected. */
export type Fault = {
  kind: FaultKind;
  /** What it hit: backends, or PostgreSQL. */
  target: string;
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

/** Injects faults. None waits for another to be over. */
export class FaultInjector {
  readonly faults: Fault[] = [];
  #failure?: { error: unknown };
  #isPostgresAway = false;
  readonly #running = new Set<Promise<void>>();

  constructor(
    private readonly site: Site,
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

  #begin(kind: FaultKind, target: Replica[], durationMs: number): void {
    const fault: Fault = {
      kind,
      target:
        kind === 'postgres' ? 'PostgreSQL' : target.map(r => r.name).join(),
      startedAt: Date.now(),
      during: this.faults.filter(f => f.endedAt === undefined).map(f => f.kind),
    };
    this.faults.push(fault);
    this.log(
      `fault ${this.faults.length}: ${kind} of ${fault.target}, ${Math.round(
        durationMs,
      )} ms${fault.during.length > 0 ? `, during ${fault.during}` : ''}`,
    );
    const running = this.#carryOut(kind, target, durationMs)
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
    kind: FaultKind,
    target: Replica[],
    durationMs: number,
  ): Promise<void> {
    switch (kind) {
      case 'stop':
        await target[0].stop(durationMs);
        break;
      case 'sever':
        await this.site.severConnections(
          target.length === 1 ? target[0] : undefined,
        );
        break;
      case 'postgres':
        this.#isPostgresAway = true;
        try {
          await this.site.interruptPostgres(durationMs);
        } finally {
          this.#isPostgresAway = false;
        }
        break;
      default: {
        const signal = kind === 'terminate' ? 'SIGTERM' : 'SIGKILL';
        await Promise.all(target.map(r => r.end(signal, durationMs)));
        await Promise.all(target.map(r => r.untilReady()));
      }
    }
  }

  /** The groups of backends that such a fault can hit now. An empty group if it needs none. */
  #targetsFor(kind: FaultKind, isSecond: boolean): Replica[][] {
    const { replicas } = this.site;
    const ready = replicas.filter(r => r.isReady);
    const alive = replicas.filter(r => r.isAlive);
    switch (kind) {
      case 'stop':
        return (
          ready
            // One that was asked to end is given up for dead after five seconds, not after the timeout.
            .filter(r => !r.isEnding)
            .filter(r => !r.isStopped && r.runsForMs > BETWEEN_STOPS_MS)
            .map(r => [r])
        );
      case 'sever':
        return this.#isPostgresAway || ready.length === 0
          ? []
          : [...ready.map(r => [r]), replicas];
      case 'postgres':
        return this.#isPostgresAway ? [] : [[]];
      case 'killAll':
        return ready.length > 1 ? [alive] : [];
      default:
        // Those that just start are left in peace but for a second fault. Otherwise hardly any would get to run tasks.
        return (isSecond ? alive : ready).map(r => [r]);
    }
  }

  #rethrow(): void {
    if (this.#failure) {
      throw this.#failure.error;
    }
  }
}

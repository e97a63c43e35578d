import { PanicError } from '../../common/errors.js';

/** A model that is loaded, or waits to be. */
export interface Tenant {
  readonly name: string;
  /** The estimated memory of one loaded process. */
  readonly memoryMiB: number;
  /** Ends its process. The budget calls it only while the model rests. Resolves when the memory is free. */
  leave(): Promise<void>;
}

interface Residence {
  readonly since: number;
  /** When its process was loaded; null while it loads. */
  loadedAt: number | null;
  /** When its queue last became empty; null while it works. */
  restingSince: number | null;
  leaving: boolean;
}

interface Applicant {
  readonly tenant: Tenant;
  readonly since: number;
  readonly admit: () => void;
}

export interface TurnOptions {
  /** A model that has waited so long gets memory from models with calls in their queues, where their turns are over. */
  readonly turnMs: number;
  /** The least length of a turn, as a multiple of the time that loading the swapped models takes. Default: 10. */
  readonly loadsInTurn?: number | undefined;
}

export interface MemoryBudgetOptions extends TurnOptions {
  readonly limitMiB: number;
  /** How a user raises the limit, as an imperative. */
  readonly remedy: string;
  /** Milliseconds of a clock that never goes back. Default: performance.now. */
  readonly now?: () => number;
}

/** Says that a tenant does not fit even alone. */
export function excessText(
  { name, memoryMiB }: Pick<Tenant, 'name' | 'memoryMiB'>,
  { limitMiB, remedy }: Pick<MemoryBudgetOptions, 'limitMiB' | 'remedy'>,
): string {
  return (
    `${name} needs about ${memoryMiB} MiB of memory, and models may take ${limitMiB} MiB here; ` +
    `${remedy}, or take a smaller model`
  );
}

/** With this value, loading takes at most a tenth of the time of successive turns. */
const LOADS_IN_TURN = 10;

/**
 * Decides which models are loaded, so that the sum of their estimates stays within a limit.
 *
 * Models get memory in the order in which they ask. A loaded model empties its queue before it gives way, so that
 * two models that do not fit together swap once a round and not once a call. Only models that rest are unloaded,
 * the least recently used first, and only where that makes room for the next one.
 *
 * Two models that keep each other busy must not starve a third. So a model that has waited for `turnMs` also gets
 * the memory of models at work: after their batch, the one that was loaded first, first. These models then ask
 * again, behind the others. A turn is longer where loading takes long: a model keeps its memory until it has been
 * loaded for ten times as long as its own last loading and that of the waiting model took.
 */
export class MemoryBudget {
  readonly #options: MemoryBudgetOptions;
  readonly #residents = new Map<Tenant, Residence>();
  readonly #applicants: Applicant[] = [];
  /** How long each tenant's last loading took. */
  readonly #loadMs = new WeakMap<Tenant, number>();
  readonly #now: () => number;

  constructor(options: MemoryBudgetOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Resolves when the tenant may load, or may go on where it is loaded. It holds its memory until it rests and the
   * budget calls `leave`, or until it releases the memory. Throws PanicError `ResourceLimit` where it does not fit
   * even alone.
   */
  async acquire(tenant: Tenant): Promise<void> {
    const { limitMiB, remedy } = this.#options;
    if (tenant.memoryMiB > limitMiB) {
      throw new PanicError('ResourceLimit', excessText(tenant, { limitMiB, remedy }));
    }
    const residence = this.#residents.get(tenant);
    if (residence?.leaving === false) {
      residence.restingSince = null;
      return;
    }
    await new Promise<void>((admit) => {
      this.#applicants.push({ tenant, since: this.#now(), admit });
      this.#arrange();
    });
  }

  /**
   * Records that the tenant, which holds its memory, begins to load its process. The caller calls the returned
   * function when the process is loaded.
   */
  loading(tenant: Tenant): () => void {
    const began = this.#now();
    return () => {
      const loadedAt = this.#now();
      this.#loadMs.set(tenant, loadedAt - began);
      const residence = this.#residents.get(tenant);
      if (residence) residence.loadedAt ??= loadedAt;
    };
  }

  /** Records that the tenant has no calls. It keeps its process until another model needs the memory. */
  rest(tenant: Tenant): void {
    const residence = this.#residents.get(tenant);
    if (residence) residence.restingSince = this.#now();
    this.#arrange();
  }

  /** Records that the tenant has no process any more. */
  release(tenant: Tenant): void {
    this.#residents.delete(tenant);
    this.#arrange();
  }

  /** Whether a tenant at work must end its process before its next batch, since others have waited long enough. */
  mustYield(tenant: Tenant): boolean {
    const next = this.#applicants[0];
    if (!next || this.#now() - next.since < this.#options.turnMs) return false;
    const yielding = this.#wouldYieldTo(next.tenant);
    return (
      yielding.includes(tenant) && yielding.every((one) => this.#turnIsOver(one, [next.tenant, ...yielding]))
    );
  }

  /**
   * The tenants at work that would have to leave, the one that was loaded first, first. None where that would not
   * make enough room.
   */
  #wouldYieldTo(applicant: Tenant): readonly Tenant[] {
    let lacking = this.#lackingMiB(applicant) - sum(this.#resting());
    const byAge = [...this.#residents]
      .filter(([, { restingSince, leaving }]) => restingSince === null && !leaving)
      .toSorted(([, a], [, b]) => a.since - b.since);
    const yielding: Tenant[] = [];
    for (const [working] of byAge) {
      if (lacking <= 0) return yielding;
      yielding.push(working);
      lacking -= working.memoryMiB;
    }
    return lacking <= 0 ? yielding : [];
  }

  #turnIsOver(tenant: Tenant, swapped: readonly Tenant[]): boolean {
    const loadedAt = this.#residents.get(tenant)?.loadedAt ?? null;
    if (loadedAt === null) return false;
    const loadingMs = swapped.reduce((total, one) => total + (this.#loadMs.get(one) ?? 0), 0);
    return this.#now() - loadedAt >= (this.#options.loadsInTurn ?? LOADS_IN_TURN) * loadingMs;
  }

  #arrange(): void {
    for (let next = this.#applicants[0]; next; next = this.#applicants[0]) {
      const { tenant, admit } = next;
      if (this.#residents.has(tenant) || tenant.memoryMiB > this.#freeMiB()) {
        this.#makeRoomFor(tenant);
        return;
      }
      this.#applicants.shift();
      this.#residents.set(tenant, {
        since: this.#now(),
        loadedAt: null,
        restingSince: null,
        leaving: false,
      });
      admit();
    }
  }

  #makeRoomFor(tenant: Tenant): void {
    const resting = this.#resting();
    let lacking = this.#lackingMiB(tenant);
    if (lacking > sum(resting)) return;
    for (const victim of resting) {
      if (lacking <= 0) return;
      lacking -= victim.memoryMiB;
      this.#evict(victim);
    }
  }

  #freeMiB(): number {
    return this.#options.limitMiB - sum([...this.#residents.keys()]);
  }

  /** The memory that the tenant lacks after those that are leaving have left. */
  #lackingMiB(tenant: Tenant): number {
    const leaving = [...this.#residents].filter(([, residence]) => residence.leaving);
    return tenant.memoryMiB - this.#freeMiB() - sum(leaving.map(([resident]) => resident));
  }

  /** The tenants that rest, the least recently used first. */
  #resting(): Tenant[] {
    return [...this.#residents]
      .filter(([, { restingSince, leaving }]) => restingSince !== null && !leaving)
      .toSorted(([, a], [, b]) => a.restingSince! - b.restingSince!)
      .map(([tenant]) => tenant);
  }

  #evict(tenant: Tenant): void {
    this.#residents.get(tenant)!.leaving = true;
    void tenant.leave().finally(() => this.release(tenant));
  }
}

function sum(tenants: readonly Tenant[]): number {
  return tenants.reduce((total, { memoryMiB }) => total + memoryMiB, 0);
}

/** When the pool replaces the process of a model by a new one, between two batches. */
export interface WearLimits {
  /** Items after which the pool replaces any process, against slow leaks. */
  readonly items: number;
  /** The most that a process may grow, as a multiple of its estimate or of its memory after its first batch. */
  readonly growth: number;
}

export const WEAR_LIMITS: WearLimits = { items: 10_000, growth: 2 };

// The memory of a process without a model: the runtime, the libraries, and what Node keeps before it collects
// garbage.
const PROCESS_MIB = 512;

/** How worn one process is. */
export class Wear {
  readonly #estimateMiB: number;
  readonly #limits: WearLimits;
  #items = 0;
  #limitMiB = 0;
  #residentMiB = 0;

  constructor(estimateMiB: number, limits: WearLimits) {
    this.#estimateMiB = estimateMiB;
    this.#limits = limits;
  }

  /** Counts a batch; `residentMiB` is what the process takes after it. */
  add(items: number, residentMiB: number): void {
    // Where the estimate is too low, the process must not be replaced after each batch.
    if (this.#items === 0) {
      this.#limitMiB = this.#limits.growth * Math.max(this.#estimateMiB, residentMiB) + PROCESS_MIB;
    }
    this.#items += items;
    this.#residentMiB = residentMiB;
  }

  /** What the process took after its last batch, MiB; 0 before its first. */
  get residentMiB(): number {
    return this.#residentMiB;
  }

  get worn(): boolean {
    return this.#items >= this.#limits.items || this.#residentMiB > this.#limitMiB;
  }
}

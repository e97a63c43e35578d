/** When the process of a model is replaced by a new one, between two batches. */
export interface WearLimits {
  /** Items after which any process is replaced, for what leaks slowly. */
  readonly items: number;
  /** How many times its estimate, or what it took after its first batch, a process may grow to. */
  readonly growth: number;
}

export const WEAR_LIMITS: WearLimits = { items: 10_000, growth: 2 };

// A process without a model: the runtime, the libraries, and what Node keeps before it collects garbage.
const PROCESS_MIB = 512;

/** What one process has been through. */
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
    // A model whose estimate is too low must not be loaded anew for each batch.
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

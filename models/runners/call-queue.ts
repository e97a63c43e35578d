import type { Fingerprint } from '../../experiment/provenance.js';
import { onAbort } from './abort.js';

// A batch waits for calls of other runs that are about to come: a run takes some milliseconds to store an output
// and ask for the next. The wait may cost a fiftieth of the time that a batch takes.
const SHORTEST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 50;
const WAIT_SHARE = 1 / 50;

export interface Answered<Answer> {
  readonly answer: Answer;
  readonly fingerprint: Fingerprint;
  /** Items that the model computed together. */
  readonly batchSize: number;
  /** The item's share of its batch's time. */
  readonly computeMs: number;
}

/** One item, for which a caller waits. */
export class Call<Item, Answer> {
  readonly arrived = performance.now();
  readonly answered: Promise<Answered<Answer>>;
  settled = false;
  /** Whether one of the call's batches took too long. */
  overdue = false;
  #settle!: { resolve: (answered: Answered<Answer>) => void; reject: (error: unknown) => void };
  #stopListening: () => void;

  constructor(
    readonly item: Item,
    signal: AbortSignal | undefined,
    aborted: (call: Call<Item, Answer>) => void,
  ) {
    this.answered = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#stopListening = onAbort(signal, () => {
      this.reject(signal?.reason);
      aborted(this);
    });
  }

  resolve(answered: Answered<Answer>): void {
    this.settled = true;
    this.#stopListening();
    this.#settle.resolve(answered);
  }

  reject(error: unknown): void {
    this.settled = true;
    this.#stopListening();
    this.#settle.reject(error);
  }
}

/** The calls that wait for one model. The queue makes batches of them. */
export class CallQueue<Item, Answer> {
  readonly #maxBatch: number;
  readonly #describe: (item: Item) => string;
  #batchLimit: number;
  #waiting: Call<Item, Answer>[] = [];
  /** Each of these calls is a batch by itself: calls of a batch that failed, and items that failed alone before. */
  #alone: Call<Item, Answer>[] = [];
  /** Items that were alone when their process failed. They must not take other items with them again. */
  readonly #culprits = new Set<string>();
  #stopWaiting: () => void = () => {};

  constructor(maxBatch: number, describe: (item: Item) => string) {
    this.#maxBatch = maxBatch;
    this.#batchLimit = maxBatch;
    this.#describe = describe;
  }

  get size(): number {
    return this.#waiting.length + this.#alone.length;
  }

  add(call: Call<Item, Answer>): void {
    const known = this.isBlamed(call.item);
    (known ? this.#alone : this.#waiting).push(call);
    if (known || this.#waiting.length >= this.#batchLimit) this.#stopWaiting();
  }

  remove(call: Call<Item, Answer>): void {
    this.#waiting = this.#waiting.filter((other) => other !== call);
    this.#alone = this.#alone.filter((other) => other !== call);
    if (this.#waiting.length === 0) this.#stopWaiting();
  }

  /** Removes and returns every call. */
  clear(): readonly Call<Item, Answer>[] {
    const all = [...this.#alone, ...this.#waiting];
    this.#alone = [];
    this.#waiting = [];
    this.#stopWaiting();
    return all;
  }

  /**
   * The next batch, after a short wait for other calls to join it. Empty where every call was aborted meanwhile.
   * `lastBatchMs` is the time of this model's last batch.
   */
  async gather(lastBatchMs: number): Promise<readonly Call<Item, Answer>[]> {
    const first = this.#waiting[0];
    if (first && this.#alone.length === 0 && this.#waiting.length < this.#batchLimit) {
      const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, lastBatchMs * WAIT_SHARE));
      await this.#forCalls(first.arrived + waitMs - performance.now());
    }
    const alone = this.#alone.shift();
    return alone ? [alone] : this.#waiting.splice(0, this.#batchLimit);
  }

  /**
   * After the failure of a whole batch, makes batches of one of its unanswered calls. Where the process failed, the
   * batch was perhaps too large for the device, and later batches are half as large.
   */
  separate(batch: readonly Call<Item, Answer>[], runnerFailed: boolean): void {
    const left = batch.filter(({ settled }) => !settled);
    this.#alone.push(...left);
    if (runnerFailed && left.length > 0) this.#batchLimit = Math.max(1, Math.floor(batch.length / 2));
  }

  /** Records that the process failed while it had this item alone. So the size of the batch was not the reason. */
  blame(item: Item): void {
    this.#culprits.add(this.#describe(item));
    this.#batchLimit = this.#maxBatch;
  }

  isBlamed(item: Item): boolean {
    return this.#culprits.size > 0 && this.#culprits.has(this.#describe(item));
  }

  /** Records that an item succeeded alone. */
  acquit(item: Item): void {
    if (this.#culprits.size > 0) this.#culprits.delete(this.#describe(item));
  }

  /** Lets a new process, unless a failure was the reason for it, try batches of full size again. */
  forgetSize(): void {
    this.#batchLimit = this.#maxBatch;
  }

  async #forCalls(waitMs: number): Promise<void> {
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#stopWaiting = () => {};
  }
}

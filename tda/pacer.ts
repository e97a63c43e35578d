/** The longest time, approximately, for which the work keeps the thread. */
const TURN_MS = 40;
/** Word operations between two looks at the clock: about a millisecond. */
const OPERATIONS_PER_LOOK = 500_000;

/**
 * Work in steps, and its result. Each step yields the approximate number of its word operations. A step
 * should take milliseconds at most, since nothing else of the thread runs meanwhile.
 */
export type Work<Result = void> = Generator<number, Result>;

/** Shares the thread with the event loop, and ends aborted work. */
export class Pacer {
  private spent = 0;
  private turnBegan = performance.now();
  private readonly signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
    signal?.throwIfAborted();
  }

  /** Does the work, in turns. Rejects with the signal's reason if it is aborted. */
  async finish<Result>(work: Work<Result>): Promise<Result> {
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
      if (this.isDueAfter(value)) await this.rest();
    }
  }

  /** Counts word operations that were done elsewhere. */
  async spend(operations: number): Promise<void> {
    if (this.isDueAfter(operations)) await this.rest();
  }

  private isDueAfter(operations: number): boolean {
    this.spent += operations;
    if (this.spent < OPERATIONS_PER_LOOK) return false;
    this.spent = 0;
    return performance.now() - this.turnBegan >= TURN_MS;
  }

  /** Lets timers and I/O run. */
  private async rest(): Promise<void> {
    this.signal?.throwIfAborted();
    await new Promise<void>((resume) => {
      setTimeout(resume, 0);
    });
    this.signal?.throwIfAborted();
    this.turnBegan = performance.now();
  }
}

/** Does the work without a pause. */
export function atOnce<Result>(work: Work<Result>): Result {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** How long the thread is kept at most, about. */
const TURN_MS = 40;
/** Word operations between two looks at the clock: about a millisecond. */
const OPERATIONS_PER_LOOK = 500_000;

/** Shares the thread with the event loop: whoever works calls `spend`, and `rest` whenever `isDue`. */
export class Pacer {
  private spent = 0;
  private turnBegan = performance.now();
  private readonly signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
    signal?.throwIfAborted();
  }

  /** Tells of work done, in word operations, about: it says when a look at the clock is worth its while. */
  spend(operations: number): void {
    this.spent += operations;
  }

  get isDue(): boolean {
    if (this.spent < OPERATIONS_PER_LOOK) return false;
    this.spent = 0;
    return performance.now() - this.turnBegan >= TURN_MS;
  }

  /** Lets timers and I/O run, then rejects with the signal's reason if it was aborted meanwhile. */
  async rest(): Promise<void> {
    this.signal?.throwIfAborted();
    await new Promise<void>((resume) => {
      setTimeout(resume, 0);
    });
    this.signal?.throwIfAborted();
    this.turnBegan = performance.now();
  }
}

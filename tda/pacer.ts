/** About 50 ms of typed-array work on a slow core. */
const OPERATIONS_PER_TURN = 40_000_000;

/**
 * Shares the thread with the event loop. Work is counted in word operations rather than timed, so that the kernel needs
 * no clock; whoever works calls `spend`, and `rest` whenever `isDue`.
 */
export class Pacer {
  private spent = 0;
  private readonly signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
    signal?.throwIfAborted();
  }

  spend(operations: number): void {
    this.spent += operations;
  }

  get isDue(): boolean {
    return this.spent >= OPERATIONS_PER_TURN;
  }

  /** Lets timers and I/O run, then rejects with the signal's reason if it was aborted meanwhile. */
  async rest(): Promise<void> {
    this.spent = 0;
    this.signal?.throwIfAborted();
    await new Promise<void>((resume) => {
      setTimeout(resume, 0);
    });
    this.signal?.throwIfAborted();
  }
}

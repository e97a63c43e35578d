import { Worker } from 'node:worker_threads';

/** Threads that get the same orders. An abort rejects the order; `close` ends the threads. */
export class ThreadGroup<Order, Message> {
  private readonly threads: readonly Worker[];
  private readonly signal: AbortSignal | undefined;

  /** `file`: the compiled module that each thread runs. */
  constructor(file: string, size: number, signal: AbortSignal | undefined) {
    this.signal = signal;
    this.threads = Array.from({ length: size }, () => new Worker(file, { execArgv: [], env: {} }));
  }

  /**
   * Gives all threads the same order, and passes their messages on. `onMessage` returns whether the message is the last
   * one of its thread. Resolves after the last message of each thread.
   */
  order(what: Order, onMessage: (message: Message) => boolean): Promise<void> {
    const { threads, signal } = this;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        const reason: Error = signal?.reason;
        reject(reason);
      };
      signal?.throwIfAborted();
      signal?.addEventListener('abort', onAbort, { once: true });
      let done = 0;
      for (const thread of threads) {
        thread.removeAllListeners();
        thread.on('message', (message: Message) => {
          if (onMessage(message)) done++;
          if (done < threads.length) return;
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        thread.on('error', reject);
        thread.on('exit', () => reject(new Error('a thread of the kernel ended early')));
        thread.postMessage(what);
      }
    });
  }

  async close(): Promise<void> {
    for (const thread of this.threads) thread.removeAllListeners();
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}

import { PanicError } from '../../common/errors.js';
import type { Deadlines } from '../choices.js';
import { onAbort } from './abort.js';
import { CallDeadline } from './deadline.js';
import { failureError, type RunnerAnswer, type RunnerReply, type RunnerRequest } from './runner-protocol.js';

/** A thread or a server that runs models. It gets one request at a time. */
export interface Runner {
  send(request: RunnerRequest, transfer: readonly ArrayBuffer[]): void;
  /** Sets whether the runner keeps this process alive: a runner that works does, and an idle one does not. */
  keepAlive(keep: boolean): void;
  /** Ends the runner at once. Resolves when it has ended. */
  stop(): Promise<void>;
}

export interface RunnerEvents {
  reply(reply: RunnerReply): void;
  /** Reports that the runner has ended, by request or not. `reason` completes the sentence "the thread of X ...". */
  ended(reason: string): void;
}

export interface RunnerGroupOptions {
  /** Completes "the thread of ..." or "the server of ..." in messages. */
  readonly noun: 'thread' | 'server';
  /** The rest of those words. */
  readonly name: string;
  readonly size: number;
  readonly start: (events: RunnerEvents) => Runner;
  /** Whether an abort ends a runner that works on the call. A long native call cannot be interrupted otherwise. */
  readonly stopOnAbort: boolean;
  /** How long a call may take before its runner is ended. Absent where the runners have deadlines of their own. */
  readonly deadlines?: Pick<Deadlines, 'callSeconds'>;
}

interface Job {
  readonly request: RunnerRequest;
  readonly transfer: readonly ArrayBuffer[];
  readonly settle: (outcome: { answer: RunnerAnswer } | { error: unknown }) => void;
}

interface Slot {
  runner: Runner | null;
  job: Job | null;
  /** The watch over the job. */
  watch: ReturnType<CallDeadline['watch']> | null;
}

/**
 * Up to `size` equal runners behind one queue, each with one call at a time. The group starts a runner when it
 * first needs it, and replaces a runner that died.
 */
export class RunnerGroup {
  readonly #options: RunnerGroupOptions;
  readonly #slots: readonly Slot[];
  readonly #deadline: CallDeadline | null;
  #queue: Job[] = [];
  #closed = false;

  constructor(options: RunnerGroupOptions) {
    this.#options = options;
    this.#deadline = options.deadlines === undefined ? null : new CallDeadline(options.deadlines);
    this.#slots = Array.from({ length: options.size }, () => ({
      runner: null,
      job: null,
      watch: null,
    }));
  }

  /**
   * Runs one request. Rejects with PanicError `DeviceError` where the runner dies or the group is closed, with
   * `ResourceLimit` where the call takes too long, with the model's error where it throws one, and with the
   * signal's reason where it aborts.
   */
  call(
    request: RunnerRequest,
    transfer: readonly ArrayBuffer[],
    signal?: AbortSignal,
  ): Promise<RunnerAnswer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      if (this.#closed) {
        reject(new PanicError('DeviceError', 'the model pool is closed'));
        return;
      }
      const stopListening = onAbort(signal, () => this.#abort(job, signal?.reason));
      const job: Job = {
        request,
        transfer,
        settle: (outcome) => {
          stopListening();
          if ('answer' in outcome) resolve(outcome.answer);
          else reject(outcome.error);
        },
      };
      this.#queue.push(job);
      this.#dispatch();
    });
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get computing(): number {
    return this.#slots.filter(({ job }) => job !== null).length;
  }

  /** Ends every runner. Calls that wait or run reject with `DeviceError`. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new PanicError('DeviceError', 'the model pool was closed during the call');
    for (const job of this.#queue) job.settle({ error });
    this.#queue = [];
    const runners: Runner[] = [];
    for (const slot of this.#slots) {
      slot.job?.settle({ error });
      leave(slot);
      if (slot.runner) runners.push(slot.runner);
      slot.runner = null;
    }
    await Promise.all(runners.map((runner) => runner.stop()));
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const slot =
        this.#slots.find((slot) => slot.job === null && slot.runner !== null) ??
        this.#slots.find((slot) => slot.job === null);
      if (!slot) return;
      this.#begin(slot, this.#queue.shift()!);
    }
  }

  #begin(slot: Slot, job: Job): void {
    try {
      slot.runner ??= this.#start(slot);
      slot.job = job;
      slot.runner.keepAlive(true);
      slot.watch = this.#watch(slot, job);
      slot.runner.send(job.request, job.transfer);
    } catch (error) {
      leave(slot);
      job.settle({ error });
    }
  }

  #watch(slot: Slot, job: Job): Slot['watch'] {
    const about = `the ${this.#options.noun} of ${job.request.model}`;
    return (
      this.#deadline?.watch(about, (error) => {
        if (slot.job === job) this.#end(slot, error);
      }) ?? null
    );
  }

  /** Ends the runner of a slot, and its call. */
  #end(slot: Slot, error: unknown): void {
    const { runner, job } = slot;
    slot.runner = null;
    leave(slot);
    void runner?.stop();
    job?.settle({ error });
    this.#dispatch();
  }

  #start(slot: Slot): Runner {
    const runner: Runner = this.#options.start({
      reply: (reply) => {
        if (slot.runner === runner) this.#finish(slot, reply);
      },
      ended: (reason) => {
        if (slot.runner === runner) this.#lose(slot, reason);
      },
    });
    return runner;
  }

  #finish(slot: Slot, reply: RunnerReply): void {
    const { job, runner, watch } = slot;
    watch?.answered();
    leave(slot);
    runner?.keepAlive(false);
    job?.settle(reply.ok ? { answer: reply.answer } : { error: failureError(reply.failure) });
    this.#dispatch();
  }

  #lose(slot: Slot, reason: string): void {
    const { job } = slot;
    slot.runner = null;
    leave(slot);
    job?.settle({
      error: new PanicError('DeviceError', `the ${this.#options.noun} of ${this.#options.name} ${reason}`),
    });
    this.#dispatch();
  }

  /**
   * Rejects the caller at once. Where the runner goes on, its slot stays taken until the late answer, which is
   * discarded.
   */
  #abort(job: Job, reason: unknown): void {
    job.settle({ error: reason });
    this.#queue = this.#queue.filter((waiting) => waiting !== job);
    const slot = this.#slots.find((slot) => slot.job === job);
    if (!slot || !this.#options.stopOnAbort) return;
    this.#end(slot, reason);
  }
}

function leave(slot: Slot): void {
  slot.watch?.stop();
  slot.watch = null;
  slot.job = null;
}

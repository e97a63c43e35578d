import { isPanicError, PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import type { Deadlines } from '../choices.js';
import type { ModelActivity } from '../contract.js';
import type { Device } from '../loaded-model.js';
import type { BatchKind } from './batch-kind.js';
import { type Answered, Call, CallQueue } from './call-queue.js';
import { CallDeadline, CallOverdue } from './deadline.js';
import { loadRunner } from './load-runner.js';
import type { MemoryBudget, Tenant } from './memory-budget.js';
import { RunnerEnded, type ProcessRunner } from './process-runner.js';
import { Wear, type WearLimits } from './wear.js';

/** Where models are loaded: a device that works, and its memory. */
export interface Place {
  readonly device: Device;
  readonly budget: MemoryBudget;
}

export interface LaneOptions<Item, Answer> {
  readonly model: Model;
  readonly kind: BatchKind<Item, Answer>;
  /** Throws PanicError where the device that the user chose does not work. */
  readonly place: () => Promise<Place>;
  /** Throws PanicError `ModelFilesMissing`. */
  readonly start: (device: Device) => ProcessRunner;
  readonly wear: WearLimits;
  readonly deadlines: Deadlines;
}

/**
 * One model with a process of its own, and the calls for it. The lane loads, unloads and replaces the process, and
 * gives it batches.
 */
export class ModelLane<Item, Answer> implements Tenant {
  readonly name: string;
  readonly memoryMiB: number;
  readonly #options: LaneOptions<Item, Answer>;
  readonly #queue: CallQueue<Item, Answer>;
  readonly #deadline: CallDeadline;
  #batch: readonly Call<Item, Answer>[] = [];
  /** Set as soon as the process starts, so that it can be ended. It gets batches once it has loaded. */
  #runner: ProcessRunner | null = null;
  #wear: Wear;
  #budget: MemoryBudget | null = null;
  #lastBatchMs = 0;
  #working = false;
  #closed = false;

  constructor(options: LaneOptions<Item, Answer>) {
    const { model, kind, wear } = options;
    this.#options = options;
    this.name = model.name;
    this.memoryMiB = model.weights?.memoryMiB ?? 0;
    this.#queue = new CallQueue(model.weights?.maxBatch ?? 1, (item) => kind.describe(item));
    this.#wear = new Wear(this.memoryMiB, wear);
    this.#deadline = new CallDeadline(options.deadlines);
  }

  /**
   * Computes one item, together with others that wait. Rejects with the model's error for this item; with
   * PanicError `DeviceError` where the runner dies of it or does not load, or where the lane is closed; with
   * `ResourceLimit` where it takes too long; and with the signal's reason at once where it aborts. Where all
   * callers of a batch have gone, the lane ends the runner with it.
   */
  async call(item: Item, signal?: AbortSignal): Promise<Answered<Answer>> {
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    const call = new Call<Item, Answer>(item, signal, (aborted) => this.#abort(aborted));
    this.#queue.add(call);
    void this.#work();
    return await call.answered;
  }

  get activity(): ModelActivity {
    const residentMiB = this.#runner === null ? null : this.#wear.residentMiB || this.memoryMiB;
    return { model: this.name, waiting: this.#queue.size, computing: this.#batch.length, residentMiB };
  }

  leave(): Promise<void> {
    return this.#unload();
  }

  /** Ends the runner. Calls that wait or run reject with `DeviceError`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectAll(closedError());
    await this.#unload();
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#queue.size > 0) {
        const { runner, budget } = await this.#ready();
        const batch = await this.#queue.gather(this.#lastBatchMs);
        if (batch.length > 0) await this.#compute(runner, batch);
        if (this.#wear.worn) {
          await this.#unload();
          this.#queue.forgetSize();
        }
        if (budget.mustYield(this)) {
          await this.#unload();
          budget.release(this);
        }
      }
    } catch (error) {
      this.#rejectAll(error);
    } finally {
      this.#working = false;
      if (this.#runner === null) this.#budget?.release(this);
      else this.#budget?.rest(this);
    }
  }

  /** Waits until there is memory and the model is loaded. */
  async #ready(): Promise<{ runner: ProcessRunner; budget: MemoryBudget }> {
    const { place, start, wear, deadlines } = this.#options;
    const { device, budget } = await place();
    this.#budget = budget;
    await budget.acquire(this);
    if (this.#runner !== null) return { runner: this.#runner, budget };
    const isLoaded = budget.loading(this);
    try {
      const runner = await loadRunner(this.name, this.memoryMiB, deadlines, () => {
        if (this.#closed) throw closedError();
        return (this.#runner = start(device));
      });
      isLoaded();
      this.#wear = new Wear(this.memoryMiB, wear);
      void runner.ended.then(() => this.#lose(runner));
      return { runner, budget };
    } catch (error) {
      this.#runner = null;
      throw error;
    }
  }

  async #compute(runner: ProcessRunner, batch: readonly Call<Item, Answer>[]): Promise<void> {
    const { kind } = this.#options;
    this.#batch = batch;
    runner.keepAlive(true);
    try {
      const about =
        batch.length === 1
          ? `the process of ${this.name}, at work on ${kind.describe(batch[0]!.item)},`
          : `the process of ${this.name}`;
      const computed = await this.#deadline.within(
        about,
        () => runner.compute(kind.request(batch.map(({ item }) => item))),
        () => void runner.stop(),
      );
      const answers = kind.answers(computed.answers);
      if (answers.length !== batch.length) {
        throw new Error(`${this.name} gave ${answers.length} answers to ${batch.length} inputs`);
      }
      const computeMs = computed.computeMs / batch.length;
      for (const [index, call] of batch.entries()) {
        const answer = answers[index]!;
        if (answer instanceof Error) call.reject(answer);
        else call.resolve({ answer, fingerprint: computed.fingerprint, batchSize: batch.length, computeMs });
      }
      if (batch.length === 1) this.#queue.acquit(batch[0]!.item);
      this.#lastBatchMs = computed.computeMs;
      this.#wear.add(batch.length, computed.residentMiB);
    } catch (error) {
      await this.#failed(error, batch);
    } finally {
      this.#batch = [];
      runner.keepAlive(false);
    }
  }

  /**
   * After the failure of a whole batch, computes its items one by one, so that a bad item fails alone. Unless the
   * error is about the items, the process is replaced: a device that failed once may fail until its context is new.
   */
  async #failed(error: unknown, batch: readonly Call<Item, Answer>[]): Promise<void> {
    const isOverdue = error instanceof CallOverdue;
    const runnerFailed = !isPanicError(error) || error.kind === 'DeviceError' || isOverdue;
    if (runnerFailed) await this.#unload();
    // A device that hung may work in a new process. So an item gets one more try, unless it is known to fail.
    const triesAgain = isOverdue && batch.some((call) => !call.overdue && !this.#queue.isBlamed(call.item));
    for (const call of batch) call.overdue ||= isOverdue;
    if (batch.length > 1 || triesAgain) {
      this.#queue.separate(batch, runnerFailed && batch.length > 1);
      return;
    }
    const call = batch[0]!;
    if (call.settled) return;
    if (runnerFailed) this.#queue.blame(call.item);
    call.reject(this.#naming(call.item, error));
  }

  #naming(item: Item, error: unknown): unknown {
    const about = this.#options.kind.describe(item);
    if (error instanceof RunnerEnded) {
      const message = `the process of ${this.name}, at work on ${about}, ${error.message}`;
      return new PanicError('DeviceError', message, { cause: error });
    }
    if (!isPanicError(error, 'DeviceError')) return error;
    return new PanicError('DeviceError', `${error.message} (at work on ${about})`, { cause: error });
  }

  /** The caller's promise is rejected already. Only the end of its process can interrupt a native call. */
  #abort(call: Call<Item, Answer>): void {
    this.#queue.remove(call);
    if (this.#batch.includes(call) && this.#batch.every(({ settled }) => settled)) void this.#unload();
  }

  #rejectAll(error: unknown): void {
    const running = this.#batch.filter(({ settled }) => !settled);
    for (const call of [...running, ...this.#queue.clear()]) call.reject(error);
  }

  /** Releases the memory of a runner that ends without a call. */
  #lose(runner: ProcessRunner): void {
    if (this.#runner !== runner) return;
    this.#runner = null;
    if (!this.#working) this.#budget?.release(this);
  }

  async #unload(): Promise<void> {
    const runner = this.#runner;
    this.#runner = null;
    await runner?.stop();
  }
}

function closedError(): PanicError {
  return new PanicError('DeviceError', 'the model pool is closed');
}

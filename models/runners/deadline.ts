import { PanicError } from '../../common/errors.js';
import { afterWorkingTime } from '../../common/working-time.js';
import type { Deadlines } from '../choices.js';

/** After a model's first answer, the deadline is this multiple of its longest answer, but no less than SHORTEST_MS. */
const TIMES_THE_LONGEST = 100;
/** The shortest deadline, milliseconds: a machine may be busy, a text long, a driver slow to wake. */
const SHORTEST_MS = 600_000;

/**
 * A call took far too long, and its process or thread was ended. The error is final, since the same call would take
 * as long again.
 */
export class CallOverdue extends PanicError {
  override readonly name = 'ResourceLimit';
  constructor(message: string) {
    super('ResourceLimit', message);
  }
}

/** How long the calls of one model may take. */
export class CallDeadline {
  readonly #mostMs: number;
  #longestMs: number | null = null;

  constructor({ callSeconds }: Pick<Deadlines, 'callSeconds'>) {
    this.#mostMs = callSeconds * 1000;
  }

  get ms(): number {
    if (this.#longestMs === null) return this.#mostMs;
    return Math.min(this.#mostMs, Math.max(SHORTEST_MS, TIMES_THE_LONGEST * this.#longestMs));
  }

  /**
   * Begins to watch a call. Where it takes too long, `end` gets the call's error; `about` begins the error's
   * sentence.
   */
  watch(about: string, end: (error: CallOverdue) => void): CallWatch {
    const { ms } = this;
    const began = performance.now();
    const stop = afterWorkingTime(ms, () => end(new CallOverdue(overdueText(about, ms))));
    const answered = (): void => {
      stop();
      this.#longestMs = Math.max(this.#longestMs ?? 0, performance.now() - began);
    };
    return { answered, stop };
  }

  /**
   * Waits for a call's answer. Where it takes too long, calls `end` and throws CallOverdue in place of the work's
   * own error.
   */
  async within<T>(about: string, work: () => Promise<T>, end: () => void): Promise<T> {
    let overdue: CallOverdue | null = null;
    const watch = this.watch(about, (error) => {
      overdue = error;
      end();
    });
    try {
      const answer = await work();
      watch.answered();
      return answer;
    } catch (error) {
      throw overdue ?? error;
    } finally {
      watch.stop();
    }
  }
}

interface CallWatch {
  /** Records that the call was answered. Its time counts for the deadline of later calls. */
  answered(): void;
  stop(): void;
}

function overdueText(about: string, ms: number): string {
  return (
    `${about} gave no answer within ${seconds(ms)} and was ended. A tokenizer or a chat template may find no end with this input; ` +
    'where the machine is that slow, set PANIC_TDA_CALL_SECONDS to more'
  );
}

/** Waits until a model is loaded. Where that takes too long, calls `end` and throws PanicError `ResourceLimit`. */
export async function loadedWithin<T>(
  name: string,
  { loadSeconds }: Pick<Deadlines, 'loadSeconds'>,
  work: () => Promise<T>,
  end: () => void,
): Promise<T> {
  const overdue = new PanicError(
    'ResourceLimit',
    `the process of ${name} did not load it within ${seconds(loadSeconds * 1000)} and was ended. Its tokenizer or chat template may find no ` +
      `end; where the disk is that slow, set PANIC_TDA_LOAD_SECONDS to more`,
  );
  let isOver = false;
  const stop = afterWorkingTime(loadSeconds * 1000, () => {
    isOver = true;
    end();
  });
  try {
    return await work();
  } catch (error) {
    throw isOver ? overdue : error;
  } finally {
    stop();
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(0)} s`;
}

import {
  ActivityFailure,
  CancellationScope,
  condition,
  isCancellation,
  patched,
  setHandler,
} from '@temporalio/workflow';
import { judge } from './fit.js';
import { pause, resume } from './signals.js';

/** What holds a workflow: a pause of the workflow alone, a pause of its parent, or both. */
export interface Held {
  readonly self: boolean;
  readonly parent: boolean;
}

export const FREE: Held = { self: false, parent: false };

/** Workflows before this patch went on at once, and could then learn of the old pause from the rows. */
const ROWS_FIRST = 'resume-after-the-rows';

/** A child workflow, as a receiver of pauses. */
interface Child {
  signal(definition: typeof pause, args: 'parent'): Promise<void>;
}

/**
 * Listens to the signals `pause` and `resume` of a workflow, and passes them to its children. Without a signal
 * it adds no event to the history.
 */
export class Hold {
  private held: Held;
  /** How many resumes took effect. An answer that was asked for before the last one is out of date. */
  resumes = 0;
  /** How many signals meant this workflow itself. */
  private signals = 0;
  private readonly scopes = new Set<CancellationScope>();
  private readonly children = new Set<Line>();
  private recorded: Promise<unknown> = Promise.resolve();

  /**
   * `onChange` is called when the workflow becomes held or free. `record` writes down a signal that meant this
   * workflow itself.
   */
  constructor(
    initially: Held,
    private readonly onChange: (paused: boolean) => void,
    private readonly record: (paused: boolean) => Promise<void>,
  ) {
    this.held = initially;
    setHandler(pause, (from) => this.receive(from, true));
    setHandler(resume, (from) => this.receive(from, false));
  }

  get state(): Held {
    return this.held;
  }

  get paused(): boolean {
    return this.held.self || this.held.parent;
  }

  /**
   * `from` is what came with the signal, and may be anything. All values but `parent` mean this workflow
   * itself. A resume of this workflow takes effect when the rows say so, since an activity that begins before
   * would find the pause in them.
   */
  private receive(from: unknown, wanted: boolean): void {
    if (from === 'parent') {
      this.set('parent', wanted);
      return;
    }
    const signal = ++this.signals;
    const later = !wanted && patched(ROWS_FIRST);
    if (!later) this.set('self', wanted);
    // Also while the workflow is being cancelled.
    const writeDown = async (): Promise<void> => {
      await CancellationScope.nonCancellable(() => this.record(wanted));
      if (later && signal === this.signals) this.set('self', false);
    };
    // The records go one after another, in the order of the signals. The pause itself holds: if the row cannot
    // be written, the failures of the activity say so.
    this.recorded = this.recorded.then(writeDown).catch(judge);
  }

  private set(who: keyof Held, wanted: boolean): void {
    if (!wanted) this.resumes++;
    this.change({ ...this.held, [who]: wanted });
    // Children receive the signal in any case: they may know of a pause from the rows alone.
    for (const line of this.children) line.tell(this.paused);
  }

  private change(to: Held): void {
    const before = this.paused;
    this.held = to;
    if (this.paused === before) return;
    this.onChange(this.paused);
    if (this.paused) for (const scope of this.scopes) scope.cancel();
  }

  /** Takes over a pause from the rows. `asked` is the value of `resumes` when the activity asked the rows. */
  learn(who: keyof Held, asked: number): void {
    if (asked === this.resumes) this.change({ ...this.held, [who]: true });
  }

  /** Tells a child the present pause, and each change until `work` with the child has ended. */
  async withChild<T>(child: Child, work: () => Promise<T>): Promise<T> {
    const line = new Line(child);
    this.children.add(line);
    try {
      if (this.paused) line.tell(true);
      return await work();
    } finally {
      this.children.delete(line);
    }
  }

  /** Resolves when nothing holds the workflow. Throws if the workflow is cancelled meanwhile. */
  async untilFree(): Promise<void> {
    while (this.paused) await condition(() => !this.paused);
  }

  /**
   * Does the work while nothing holds the workflow. A pause cancels the activities of the work, and the work
   * begins again after the pause.
   */
  async whileFree<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.untilFree();
      const scope = new CancellationScope();
      this.scopes.add(scope);
      try {
        return await scope.run(work);
      } catch (error) {
        const byPause = scope.consideredCancelled && !CancellationScope.current().consideredCancelled;
        if (!byPause || !isInterruption(error)) throw error;
      } finally {
        this.scopes.delete(scope);
      }
    }
  }

  /** Resolves when every signal that came is written down. */
  async settled(): Promise<void> {
    let seen: Promise<unknown> | null = null;
    while (seen !== this.recorded) await (seen = this.recorded);
  }
}

/**
 * Sends signals to one child one after another. Of two signals under way at once, the server may deliver the
 * second first.
 */
class Line {
  private wanted = false;
  private sending = false;
  private dirty = false;

  constructor(private readonly child: Child) {}

  tell(paused: boolean): void {
    this.wanted = paused;
    this.dirty = true;
    if (!this.sending) void this.send();
  }

  private async send(): Promise<void> {
    this.sending = true;
    try {
      while (this.dirty) {
        this.dirty = false;
        await this.child.signal(this.wanted ? pause : resume, 'parent');
      }
    } catch (error) {
      // The child has ended meanwhile and needs no signal.
      judge(error);
    } finally {
      this.sending = false;
    }
  }
}

/**
 * Whether an activity ended because it was cancelled. This includes an activity whose worker died before it
 * could confirm, and one that failed otherwise and would have been retried.
 */
export function isInterruption(error: unknown): boolean {
  return (
    isCancellation(error) || (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED')
  );
}

import {
  ActivityFailure,
  CancellationScope,
  condition,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import { judge } from './fit.js';
import { pause, resume } from './signals.js';

/** Who holds a workflow: somebody it alone, somebody its parent, or both. */
export interface Held {
  readonly self: boolean;
  readonly parent: boolean;
}

export const FREE: Held = { self: false, parent: false };

/** A child workflow, as far as it is told of a pause. */
interface Child {
  signal(definition: typeof pause, args: 'parent'): Promise<void>;
}

/**
 * Listens to the signals `pause` and `resume` of a workflow, and tells its children. Where no signal comes nothing of this
 * adds an event to the history.
 */
export class Hold {
  private held: Held;
  /** How many `resume` came: an answer that was asked for before the last one is out of date. */
  resumes = 0;
  private readonly scopes = new Set<CancellationScope>();
  private readonly children = new Set<Line>();
  private recorded: Promise<unknown> = Promise.resolve();

  /**
   * `onChange` is told when the workflow is held or free again; `record` writes down what was asked of this workflow itself.
   */
  constructor(
    initially: Held,
    private readonly onChange: (paused: boolean) => void,
    private readonly record: (paused: boolean) => Promise<void>,
  ) {
    this.held = initially;
    setHandler(pause, (from) => this.set(from, true));
    setHandler(resume, (from) => {
      this.resumes++;
      this.set(from, false);
    });
  }

  get state(): Held {
    return this.held;
  }

  get paused(): boolean {
    return this.held.self || this.held.parent;
  }

  /** `from` is whatever came with the signal: all but a parent's own word means this workflow itself. */
  private set(from: unknown, wanted: boolean): void {
    this.change({ ...this.held, [from === 'parent' ? 'parent' : 'self']: wanted });
    // Children are told in any case: they may have learned of a pause from the rows alone.
    for (const line of this.children) line.tell(this.paused);
    if (from === 'parent') return;
    // One after another, in the order of the signals, also while the workflow is being cancelled.
    this.recorded = this.recorded
      .then(() => CancellationScope.nonCancellable(() => this.record(wanted)))
      // The pause itself holds; a row that cannot be written says so in the activity's own failures.
      .catch(judge);
  }

  private change(to: Held): void {
    const before = this.paused;
    this.held = to;
    if (this.paused === before) return;
    this.onChange(this.paused);
    if (this.paused) for (const scope of this.scopes) scope.cancel();
  }

  /** The rows said that it is held; `asked` is what `resumes` was when they were asked. */
  learn(who: keyof Held, asked: number): void {
    if (asked === this.resumes) this.change({ ...this.held, [who]: true });
  }

  /** Tells a child of what comes until `work` with it has ended, and of what is now. */
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

  /** Resolves when nobody holds the workflow. Throws where it is cancelled meanwhile. */
  async untilFree(): Promise<void> {
    while (this.paused) await condition(() => !this.paused);
  }

  /** Does the work while nobody holds the workflow: a pause cancels its activities, and it begins again after the pause. */
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

/** Tells one child, one signal after another: of two that are under way at once the server may deliver the second first. */
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
      // It has ended meanwhile and needs to know nothing.
      judge(error);
    } finally {
      this.sending = false;
    }
  }
}

/**
 * Whether an activity ended because it was to be cancelled: also one whose worker died before it could say so, or that failed in
 * another way and would have been tried again.
 */
export function isInterruption(error: unknown): boolean {
  return (
    isCancellation(error) || (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED')
  );
}

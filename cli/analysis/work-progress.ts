import { duration } from '../terminal/format.js';
import { bar, liveProgress } from '../terminal/live-display.js';

/** One part of the work, and its size in operations of about 1.5 ns. */
export interface PlannedPart {
  readonly name: string;
  readonly operations: number;
}

export interface WorkProgress {
  /** The next part of the plan begins. */
  next(): void;
  done(): void;
}

const REDRAW_MS = 250;
/** Shorter work shows only its result. */
const QUIET_MS = 2000;
/** A share of the work from which on its pace says how much time is left. */
const LEAST_SHARE = 0.02;

interface State {
  readonly name: string;
  readonly share: number;
  readonly leftMs: number | null;
}

/** Shows on standard error how much of planned work is done, and the time left at its pace so far. */
export function workProgress(parts: readonly PlannedPart[], silent: boolean): WorkProgress {
  const whole = parts.reduce((sum, { operations }) => sum + operations, 0);
  const began = performance.now();
  let begun = -1;
  let before = 0;
  let partBegan = began;
  const display = liveProgress<State>({
    silent,
    bars: ({ name, share, leftMs }) => `${bar(share, 1)} ${name}${leftText(leftMs)}`,
    line: ({ name, share, leftMs }) => `${Math.floor(100 * share)} % done: ${name}${leftText(leftMs)}`,
  });
  const show = (): void => {
    const part = parts[begun];
    if (part === undefined) return;
    const now = performance.now();
    if (now - began < QUIET_MS) return;
    // Within a part there are no counts: it is taken to go at the pace of the parts before it.
    const pace = before === 0 ? 0 : before / (partBegan - began);
    const within = Math.min(0.9 * part.operations, pace * (now - partBegan));
    const share = whole === 0 ? 0 : (before + within) / whole;
    const leftMs = share < LEAST_SHARE ? null : ((now - began) / share) * (1 - share);
    display.show({ name: part.name, share, leftMs });
  };
  const timer = setInterval(show, REDRAW_MS);
  timer.unref();
  return {
    next() {
      before += parts[begun]?.operations ?? 0;
      begun++;
      partBegan = performance.now();
      show();
    },
    done() {
      clearInterval(timer);
      display.done();
    },
  };
}

function leftText(leftMs: number | null): string {
  return leftMs === null
    ? ''
    : `, about ${duration(1000 * Math.ceil(leftMs / 1000)).replace('.0 s', ' s')} left`;
}

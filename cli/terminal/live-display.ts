import { createLogUpdate } from 'log-update';
import { visible } from '../../common/text.js';
import { setLiveDisplay } from './output.js';

export interface LiveProgress<T> {
  show(state: T): void;
  /** Leaves the last state on the screen. */
  done(): void;
}

const BAR_WIDTH = 28;
const PLAIN_INTERVAL_MS = 5000;
const REDRAW_INTERVAL_MS = 100;

/** A terminal or another stream. The process's own standard error is one. */
export type LiveStream = NodeJS.WritableStream & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>>;

export interface LiveOptions<T> {
  readonly silent: boolean;
  readonly stream?: LiveStream;
  /** The state as lines that redraw in place. */
  readonly bars: (state: T) => string;
  /** The state as one plain line. */
  readonly line: (state: T) => string;
  /**
   * Whether the cursor stays visible. To hide it, the library catches the signals that end a process, and a
   * long statement of SQLite keeps it from receiving them. So commands without a signal handler of their own
   * keep the cursor.
   */
  readonly cursor?: boolean;
  /** States with an equal result are not printed again. Without it, equal lines are not. */
  readonly sameAs?: (state: T) => string;
}

/**
 * Shows bars that redraw on a terminal, and elsewhere a plain line every five seconds. Shows nothing if the
 * output is JSON.
 */
export function liveProgress<T>(options: LiveOptions<T>): LiveProgress<T> {
  const stream = options.stream ?? process.stderr;
  if (options.silent) return { show: () => undefined, done: () => undefined };
  return stream.isTTY ? barDisplay(stream, options) : lineDisplay(stream, options);
}

/** A bar of 28 characters, filled by the share `done` of `of`. */
export function bar(done: number, of: number): string {
  const filled = of === 0 ? BAR_WIDTH : Math.floor((BAR_WIDTH * Math.min(done, of)) / of);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
}

function barDisplay<T>(
  stream: LiveStream,
  { bars, cursor = false }: Pick<LiveOptions<T>, 'bars' | 'cursor'>,
): LiveProgress<T> {
  const update = createLogUpdate(stream, { showCursor: cursor });
  let shown = '';
  let shownAt = 0;
  let last: { state: T } | null = null;
  const draw = (state: T): void => {
    shown = visible(bars(state));
    update(shown);
  };
  setLiveDisplay({
    above(text) {
      update.clear();
      stream.write(`${visible(text)}\n`);
      if (shown !== '') update(shown);
    },
  });
  return {
    show(state) {
      last = { state };
      if (performance.now() - shownAt < REDRAW_INTERVAL_MS) return;
      shownAt = performance.now();
      draw(state);
    },
    done() {
      if (last !== null) draw(last.state);
      setLiveDisplay(null);
      update.done();
    },
  };
}

function lineDisplay<T>(
  stream: LiveStream,
  { line, sameAs = line }: Pick<LiveOptions<T>, 'line' | 'sameAs'>,
): LiveProgress<T> {
  let shownAt = performance.now();
  let shown = '';
  let last: { state: T } | null = null;
  const write = (state: T): void => {
    const same = sameAs(state);
    if (same !== shown) stream.write(`${visible(line(state))}\n`);
    shown = same;
  };
  return {
    show(state) {
      last = { state };
      if (performance.now() - shownAt < PLAIN_INTERVAL_MS) return;
      shownAt = performance.now();
      write(state);
    },
    done() {
      if (last !== null) write(last.state);
    },
  };
}

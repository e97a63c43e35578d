import { createLogUpdate } from 'log-update';
import type { Progress } from '../db/index.js';
import { count, duration } from './output.js';

export interface ProgressDisplay {
  show(progress: Progress): void;
  /** Leaves the last state on the screen. */
  done(): void;
}

const BAR_WIDTH = 28;
const PLAIN_INTERVAL_MS = 5000;

/** Bars that redraw on a terminal; a plain line every five seconds elsewhere; nothing where the output is JSON. */
export function progressDisplay(options: {
  readonly silent: boolean;
  readonly diagramsExpected: number;
  readonly stream?: NodeJS.WriteStream;
}): ProgressDisplay {
  const stream = options.stream ?? process.stderr;
  const rate = rateMeter();
  if (options.silent) return { show: () => undefined, done: () => undefined };
  if (stream.isTTY) {
    const update = createLogUpdate(stream);
    return {
      show: (progress) => update(bars(progress, options.diagramsExpected, rate(progress))),
      done: () => update.done(),
    };
  }
  let shownAt = -Infinity;
  let shown = '';
  let last: Progress | null = null;
  const line = (progress: Progress): void => {
    const text = plainLine(progress, options.diagramsExpected, rate(progress));
    if (text !== shown) stream.write(`${text}\n`);
    shown = text;
  };
  return {
    show(progress) {
      last = progress;
      if (performance.now() - shownAt < PLAIN_INTERVAL_MS) return;
      shownAt = performance.now();
      line(progress);
    },
    done() {
      if (last !== null) line(last);
    },
  };
}

interface Rate {
  readonly perSecond: number;
  readonly etaMs: number | null;
}

/** Invocations a second over the last ten seconds or so, and what is left at that pace. */
function rateMeter(): (progress: Progress) => Rate {
  const samples: { at: number; made: number }[] = [];
  return ({ invocations, invocationsExpected }) => {
    const at = performance.now();
    samples.push({ at, made: invocations });
    while (samples.length > 2 && at - samples[0]!.at > 10_000) samples.shift();
    const { at: since, made } = samples[0]!;
    const perSecond = at > since ? (1000 * (invocations - made)) / (at - since) : 0;
    const left = invocationsExpected - invocations;
    return { perSecond, etaMs: left === 0 ? 0 : perSecond > 0 ? (1000 * left) / perSecond : null };
  };
}

function bars(progress: Progress, diagramsExpected: number, { perSecond, etaMs }: Rate): string {
  const { runs, invocations, invocationsExpected, diagrams } = progress;
  const runCount = Object.values(runs).reduce((sum, value) => sum + value, 0);
  const eta = etaMs === null || etaMs === 0 ? '' : `, at most ${duration(etaMs)} to go`;
  const failed = runs.failed > 0 ? `, ${runs.failed} failed` : '';
  return [
    `invocations  ${bar(invocations, invocationsExpected)}  ${count(perSecond)}/s${eta}`,
    `diagrams     ${bar(diagrams, diagramsExpected)}`,
    `runs         ${bar(runs.finished, runCount)}  ${runs.running} running${failed}`,
  ].join('\n');
}

function bar(done: number, of: number): string {
  const filled = of === 0 ? BAR_WIDTH : Math.floor((BAR_WIDTH * Math.min(done, of)) / of);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${count(done)}/${count(of)}`;
}

function plainLine(progress: Progress, diagramsExpected: number, { perSecond, etaMs }: Rate): string {
  const { runs, invocations, invocationsExpected, diagrams } = progress;
  const eta = etaMs === null || etaMs === 0 ? '' : `, at most ${duration(etaMs)} to go`;
  const failed = runs.failed > 0 ? `, ${runs.failed} failed` : '';
  return (
    `invocations ${count(invocations)}/${count(invocationsExpected)} at ${count(perSecond)}/s${eta}; ` +
    `diagrams ${count(diagrams)}/${count(diagramsExpected)}; runs ${runs.finished} finished, ${runs.running} running${failed}`
  );
}

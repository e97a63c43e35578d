import { createLogUpdate } from 'log-update';
import type { Progress } from '../db/index.js';
import { count, rate, timeLeft } from './format.js';
import { setLiveDisplay } from './output.js';

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
  if (options.silent) return { show: () => undefined, done: () => undefined };
  return stream.isTTY
    ? barDisplay(stream, options.diagramsExpected)
    : lineDisplay(stream, options.diagramsExpected);
}

function barDisplay(stream: NodeJS.WriteStream, diagramsExpected: number): ProgressDisplay {
  const update = createLogUpdate(stream);
  const pace = paceMeter();
  let shown = '';
  setLiveDisplay({
    above(text) {
      update.clear();
      stream.write(`${text}\n`);
      if (shown !== '') update(shown);
    },
  });
  return {
    show(progress) {
      shown = bars(progress, diagramsExpected, pace(progress));
      update(shown);
    },
    done() {
      setLiveDisplay(null);
      update.done();
    },
  };
}

function lineDisplay(stream: NodeJS.WriteStream, diagramsExpected: number): ProgressDisplay {
  const pace = paceMeter();
  let shownAt = performance.now();
  let shown = '';
  let last: Progress | null = null;
  const line = (progress: Progress): void => {
    const text = plainLine(progress, diagramsExpected, pace(progress));
    if (text !== shown) stream.write(`${text}\n`);
    shown = text;
  };
  return {
    show(progress) {
      // The pace needs every sample, also those that are not shown.
      pace(progress);
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

interface Pace {
  readonly perSecond: number;
  readonly etaMs: number | null;
}

/** Invocations a second over the last ten seconds or so, and what is left at that pace. */
function paceMeter(): (progress: Progress) => Pace {
  const samples: { at: number; made: number }[] = [];
  return ({ invocations, invocationsExpected }) => {
    const at = performance.now();
    samples.push({ at, made: invocations });
    while (samples.length > 2 && at - samples[0]!.at > 10_000) samples.shift();
    const { at: since, made } = samples[0]!;
    const perSecond = at > since ? (1000 * (invocations - made)) / (at - since) : 0;
    const left = invocationsExpected - invocations;
    return { perSecond, etaMs: left > 0 && perSecond > 0 ? (1000 * left) / perSecond : null };
  };
}

function bars(progress: Progress, diagramsExpected: number, pace: Pace): string {
  const { runs, invocations, invocationsExpected, diagrams } = progress;
  const runCount = Object.values(runs).reduce((sum, value) => sum + value, 0);
  const failed = runs.failed > 0 ? `, ${runs.failed} failed` : '';
  return [
    `invocations  ${bar(invocations, invocationsExpected)}  ${paceText(pace)}`,
    `diagrams     ${bar(diagrams, diagramsExpected)}`,
    `runs         ${bar(runs.finished, runCount)}  ${runs.running} running${failed}`,
  ].join('\n');
}

function bar(done: number, of: number): string {
  const filled = of === 0 ? BAR_WIDTH : Math.floor((BAR_WIDTH * Math.min(done, of)) / of);
  const figures = `${count(done)}/${count(of)}`;
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${figures.padEnd(2 * count(of).length + 1)}`;
}

/** A cycle ends a run early, so that what is left is an upper bound. */
function paceText({ perSecond, etaMs }: Pace): string {
  if (perSecond === 0) return '';
  return `${rate(perSecond)}/s${etaMs === null ? '' : `, ${timeLeft(etaMs)}`}`;
}

function plainLine(progress: Progress, diagramsExpected: number, pace: Pace): string {
  const { runs, invocations, invocationsExpected, diagrams } = progress;
  const failed = runs.failed > 0 ? `, ${runs.failed} failed` : '';
  const at = paceText(pace);
  return (
    `invocations ${count(invocations)}/${count(invocationsExpected)}${at === '' ? '' : ` (${at})`}; ` +
    `diagrams ${count(diagrams)}/${count(diagramsExpected)}; runs ${runs.finished} finished, ${runs.running} running${failed}`
  );
}

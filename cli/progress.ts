import type { Progress } from '../db/index.js';
import { count, rate, timeLeft } from './format.js';
import { bar, liveProgress, type LiveProgress } from './live-display.js';

/** How far an experiment is, on standard error. */
export function progressDisplay(options: {
  readonly silent: boolean;
  readonly diagramsExpected: number;
  readonly stream?: NodeJS.WriteStream;
}): LiveProgress<Progress> {
  const { diagramsExpected, ...display } = options;
  const pace = paceMeter();
  const live = liveProgress<Progress>({
    ...display,
    bars: (progress) => bars(progress, diagramsExpected, pace(progress)),
    line: (progress) => plainLine(progress, diagramsExpected, pace(progress)),
  });
  return {
    show(progress) {
      // The pace needs every sample, also those that are not shown.
      pace(progress);
      live.show(progress);
    },
    done: () => live.done(),
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
    `invocations  ${counted(invocations, invocationsExpected)}  ${paceText(pace)}`,
    `diagrams     ${counted(diagrams, diagramsExpected)}`,
    `runs         ${counted(runs.finished, runCount)}  ${runs.running} running${failed}`,
  ].join('\n');
}

function counted(done: number, of: number): string {
  const figures = `${count(done)}/${count(of)}`;
  return `${bar(done, of)} ${figures.padEnd(2 * count(of).length + 1)}`;
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

import type { Progress } from '../../db/index.js';
import { count, duration, rate, timeLeft } from './format.js';
import { bar, liveProgress, type LiveProgress, type LiveStream } from './live-display.js';
import { standstillText } from '../session/standstill.js';
import type { Standstill } from '../session/standstill.js';

/** The state of an experiment on the display. */
export interface Standing {
  readonly progress: Progress;
  /** How many surrogates are stored. */
  readonly surrogates: number;
  readonly paused: boolean;
  /**
   * When the store stopped answering, as `Date.now()` counts. The counts are then those of its last answer.
   * Null while it answers.
   */
  readonly awaySince: number | null;
  /** Why nothing moves, or what is being worked on meanwhile. Null while the counts move. */
  readonly standstill: Standstill | null;
}

/** The counts when every run has finished. */
export interface Expected {
  readonly diagrams: number;
  readonly surrogates: number;
}

/** Shows on standard error how far an experiment is. */
export function progressDisplay(options: {
  readonly silent: boolean;
  readonly expected: Expected;
  readonly stream?: LiveStream;
}): LiveProgress<Standing> {
  const { expected, ...display } = options;
  const pace = paceMeter();
  const live = liveProgress<Standing>({
    ...display,
    bars: (standing) => bars(standing, expected, pace(standing), widthOf(options.stream)),
    line: (standing) => plainLine(standing, expected, pace(standing)),
    // A new line must tell more than how long the store has not answered, or how long until the next try.
    sameAs: (standing) =>
      plainLine(
        { ...standing, awaySince: null, standstill: untimed(standing.standstill) },
        expected,
        NO_PACE,
      ),
  });
  return {
    show(standing) {
      // The pace needs every sample, also those that the display leaves out.
      pace(standing);
      live.show(standing);
    },
    done: () => live.done(),
  };
}

function widthOf(stream: LiveStream = process.stderr): number {
  return stream.columns ?? 80;
}

function untimed(standstill: Standstill | null): Standstill | null {
  return standstill === null ? null : { ...standstill, nextTryAt: null };
}

interface Pace {
  readonly perSecond: number;
  readonly etaMs: number | null;
}

const NO_PACE: Pace = { perSecond: 0, etaMs: null };

/**
 * Invocations a second over about the last ten seconds, and the time left at that pace. A pause and an outage
 * do not count, nor do runs that a user holds.
 */
function paceMeter(): (standing: Standing) => Pace {
  let samples: { at: number; made: number }[] = [];
  return ({ progress: { invocations, invocationsExpected, invocationsHeld }, paused, awaySince }) => {
    if (paused || awaySince !== null) {
      samples = [];
      return NO_PACE;
    }
    const at = performance.now();
    samples.push({ at, made: invocations });
    while (samples.length > 2 && at - samples[0]!.at > 10_000) samples.shift();
    const { at: since, made } = samples[0]!;
    const perSecond = at > since ? (1000 * (invocations - made)) / (at - since) : 0;
    const left = invocationsExpected - invocationsHeld - invocations;
    return { perSecond, etaMs: left > 0 && perSecond > 0 ? (1000 * left) / perSecond : null };
  };
}

function bars(standing: Standing, expected: Expected, pace: Pace, width: number): string {
  const { progress, surrogates } = standing;
  const { runs, invocations, invocationsExpected, diagrams } = progress;
  const runCount = Object.values(runs).reduce((sum, value) => sum + value, 0);
  const lines = [
    `invocations  ${counted(invocations, invocationsExpected)}  ${paceText(pace)}`,
    `diagrams     ${counted(diagrams, expected.diagrams)}`,
    ...(expected.surrogates === 0 ? [] : [`surrogates   ${counted(surrogates, expected.surrogates)}`]),
    `runs         ${counted(runs.finished, runCount)}  ${runsText(standing)}`,
  ];
  // A line wider than the terminal would take two lines, and the next drawing would leave one of them behind.
  const stands = standsText(standing, width);
  if (stands !== null) lines.push(stands);
  return lines.join('\n');
}

function standsText({ standstill, awaySince }: Standing, width?: number): string | null {
  if (standstill === null) return null;
  const now = Date.now();
  const away = awaySince === null ? '' : ` (for ${duration(now - awaySince)})`;
  return standstillText({ ...standstill, text: `${standstill.text}${away}` }, now, width);
}

function runsText({ progress: { runs }, paused }: Standing): string {
  const failed = runs.failed > 0 ? `, ${runs.failed} failed` : '';
  return paused ? `paused, ${runs.running} begun${failed}` : `${runs.running} running${failed}`;
}

function counted(done: number, of: number): string {
  const figures = `${count(done)}/${count(of)}`;
  return `${bar(done, of)} ${figures.padEnd(2 * count(of).length + 1)}`;
}

/** The time left is an upper bound, since a cycle ends a run early. */
function paceText({ perSecond, etaMs }: Pace): string {
  if (perSecond === 0) return '';
  return `${rate(perSecond)}/s${etaMs === null ? '' : `, ${timeLeft(etaMs)}`}`;
}

function plainLine(standing: Standing, expected: Expected, pace: Pace): string {
  const { progress, surrogates } = standing;
  const { runs, invocations, invocationsExpected, diagrams } = progress;
  const at = paceText(pace);
  const stands = standsText(standing);
  return [
    `invocations ${count(invocations)}/${count(invocationsExpected)}${at === '' ? '' : ` (${at})`}`,
    `diagrams ${count(diagrams)}/${count(expected.diagrams)}`,
    ...(expected.surrogates === 0 ? [] : [`surrogates ${count(surrogates)}/${count(expected.surrogates)}`]),
    `runs ${runs.finished} finished, ${runsText(standing)}`,
    ...(stands === null ? [] : [stands]),
  ].join('; ');
}

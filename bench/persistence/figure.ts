import { figuresOf, type Entry } from './entries.js';
import type { Contestant } from './measurement.js';
import { colour, round, rule, text } from '../common/svg.js';
import type { BenchOptions } from './options.js';

const PANEL_WIDTH = 300;
const PANEL_HEIGHT = 240;
const LEFT = 62;
const LEGEND_LINE = 20;
const GAP = 28;
const BOTTOM = 48;
/** Labels of sizes that are closer than this would overlap. */
const LABEL_WIDTH = 38;

interface Axis {
  readonly ticks: readonly number[];
  /** Share of the axis, from 0 to 1. */
  readonly at: (value: number) => number;
}

/**
 * Seconds against the number of points, both logarithmic, in SVG: a column of panels for each family, a row
 * for each dimension, a line for each program. An arrow at the limit marks a program that was late.
 */
export function persistenceFigure(entries: readonly Entry[], options: BenchOptions): string {
  const families = options.families.filter((family) => entries.some((entry) => entry.family === family));
  const sizes = [...new Set(entries.map((entry) => entry.pointCount))].toSorted((a, b) => a - b);
  const seconds = entries.map((entry) => shownSeconds(entry, options)).filter((value) => value !== undefined);
  const x = sizeAxis(sizes);
  const y = decadeAxis(seconds);
  const width = LEFT + families.length * (PANEL_WIDTH + GAP);
  const legend = legendOf(options.contestants, width);
  const top = legend.height + 40;
  const height = top + options.dimensions.length * (PANEL_HEIGHT + GAP) - GAP + BOTTOM;
  const panels = options.dimensions.flatMap((maxDimension, row) =>
    families.map((family, column) => {
      const own = entries.filter((entry) => entry.family === family && entry.maxDimension === maxDimension);
      const title = `${family}, dimension ${maxDimension}`;
      const place = `translate(${LEFT + column * (PANEL_WIDTH + GAP)} ${top + row * (PANEL_HEIGHT + GAP)})`;
      return [
        `<g transform="${place}">`,
        frame(x, y, title, column === 0, row === options.dimensions.length - 1),
        ...options.contestants.map((contestant, k) => line(own, contestant, colour(k), x, y, options)),
        '</g>',
      ].join('\n');
    }),
  );
  const middle = top + (height - top - BOTTOM) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"` +
      ' font-family="sans-serif" font-size="12">',
    `<rect width="${width}" height="${height}" fill="white"/>`,
    legend.lines,
    ...panels,
    text(LEFT + (width - LEFT - GAP) / 2, height - 10, 'points', 'middle'),
    `<g transform="translate(16 ${round(middle)}) rotate(-90)">${text(0, 0, 'seconds', 'middle')}</g>`,
    '</svg>\n',
  ].join('\n');
}

function shownSeconds(entry: Entry, { timeLimitSeconds }: BenchOptions): number | undefined {
  return entry.outcome.kind === 'late' ? timeLimitSeconds : figuresOf(entry)?.seconds;
}

function sizeAxis(sizes: readonly number[]): Axis {
  const [least, most] = [Math.log(sizes[0]! / 1.15), Math.log(sizes.at(-1)! * 1.15)];
  return { ticks: sizes, at: (value) => (Math.log(value) - least) / (most - least) };
}

/** Whole powers of ten around all values. */
function decadeAxis(values: readonly number[]): Axis {
  const least = Math.floor(Math.log10(Math.min(...values, 1)));
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values, 1))));
  return {
    ticks: Array.from({ length: most - least + 1 }, (_, k) => 10 ** (least + k)),
    at: (value) => (Math.log10(value) - least) / (most - least),
  };
}

function frame(x: Axis, y: Axis, title: string, labelsSeconds: boolean, labelsPoints: boolean): string {
  const parts = [text(PANEL_WIDTH / 2, -6, title, 'middle')];
  let labelled = -Infinity;
  for (const tick of x.ticks) {
    const across = x.at(tick) * PANEL_WIDTH;
    parts.push(rule(across, 0, across, PANEL_HEIGHT));
    if (!labelsPoints || across - labelled < LABEL_WIDTH) continue;
    parts.push(text(across, PANEL_HEIGHT + 16, String(tick), 'middle'));
    labelled = across;
  }
  for (const tick of y.ticks) {
    const down = (1 - y.at(tick)) * PANEL_HEIGHT;
    parts.push(rule(0, down, PANEL_WIDTH, down));
    if (labelsSeconds) parts.push(text(-8, down + 4, String(Number(tick.toPrecision(1))), 'end'));
  }
  parts.push(`<rect width="${PANEL_WIDTH}" height="${PANEL_HEIGHT}" fill="none" stroke="#888"/>`);
  return parts.join('\n');
}

function line(
  entries: readonly Entry[],
  contestant: Contestant,
  stroke: string,
  x: Axis,
  y: Axis,
  options: BenchOptions,
): string {
  const marks = entries
    .filter((entry) => entry.contestant.label === contestant.label)
    .toSorted((a, b) => a.pointCount - b.pointCount)
    .flatMap((entry) => {
      const seconds = shownSeconds(entry, options);
      if (seconds === undefined) return [];
      const across = round(x.at(entry.pointCount) * PANEL_WIDTH);
      const down = round((1 - y.at(seconds)) * PANEL_HEIGHT);
      return [{ across, down, late: entry.outcome.kind === 'late' }];
    });
  const path = marks.map(({ across, down }) => `${across},${down}`).join(' ');
  return [
    `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="1.8"/>`,
    ...marks.map(({ across, down, late }) =>
      late
        ? `<path d="M${across - 5},${down + 4} h10 l-5,-10 z" fill="white" stroke="${stroke}" stroke-width="1.5"/>`
        : `<circle cx="${across}" cy="${down}" r="3" fill="${stroke}"/>`,
    ),
  ].join('\n');
}

/** In as many lines as it needs. */
function legendOf(contestants: readonly Contestant[], width: number): { lines: string; height: number } {
  let across = LEFT;
  let down = LEGEND_LINE;
  const parts = contestants.map(({ label }, k) => {
    const needed = 40 + 7 * label.length;
    if (across > LEFT && across + needed > width) {
      across = LEFT;
      down += LEGEND_LINE;
    }
    const start = across;
    across += needed;
    return (
      `<line x1="${start}" y1="${down - 4}" x2="${start + 22}" y2="${down - 4}" stroke="${colour(k)}" stroke-width="3"/>` +
      text(start + 27, down, label, 'start')
    );
  });
  return { lines: parts.join('\n'), height: down };
}

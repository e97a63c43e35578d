import { colour, round, rule, text } from '../common/svg.js';
import { entryName, type Entry } from './entries.js';

const PANEL_WIDTH = 400;
const PANEL_HEIGHT = 200;
const LEFT = 62;
const TOP = 62;
const GAP_ACROSS = 66;
const GAP_DOWN = 56;
const BOTTOM = 48;
const LEGEND_WIDTH = 130;
const ROUGH_TICKS = 5;

/**
 * Memory of the processes of each role over time, in SVG: MiB against seconds, both from zero. A row for the
 * largest shape of each series, a column for each kind of store.
 */
export function memoryFigure(entries: readonly Entry[]): string {
  const rows = largestShapes(entries);
  const stores = [...new Set(entries.map(({ store }) => store))];
  const roles = [...new Set(entries.flatMap(({ memory }) => Object.keys(memory)))].toSorted();
  const width = LEFT + stores.length * (PANEL_WIDTH + GAP_ACROSS);
  const height = TOP + rows.length * (PANEL_HEIGHT + GAP_DOWN) - GAP_DOWN + BOTTOM;
  const legend = roles.map((role, k) => {
    const start = LEFT + k * LEGEND_WIDTH;
    const mark = `<line x1="${start}" y1="20" x2="${start + 18}" y2="20" stroke="${colour(k)}" stroke-width="3"/>`;
    return mark + text(start + 23, 24, role, 'start');
  });
  const panels = rows.flatMap((row, k) => {
    // A row has one scale, so that stores can be compared.
    const points = row.flatMap(({ memory }) => Object.values(memory).flat());
    const y = linearAxis(Math.max(1, ...points.map(([, mib]) => mib)));
    return row.map((entry) => {
      const across = LEFT + stores.indexOf(entry.store) * (PANEL_WIDTH + GAP_ACROSS);
      const down = TOP + k * (PANEL_HEIGHT + GAP_DOWN);
      return `<g transform="translate(${across} ${down})">\n${panel(entry, roles, y)}\n</g>`;
    });
  });
  const middle = TOP + (height - TOP - BOTTOM) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"` +
      ' font-family="sans-serif" font-size="12">',
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...legend,
    ...panels,
    text(LEFT + (width - LEFT - GAP_ACROSS) / 2, height - 8, 'seconds', 'middle'),
    `<g transform="translate(16 ${middle}) rotate(-90)">${text(0, 0, 'resident memory, MiB', 'middle')}</g>`,
    '</svg>\n',
  ].join('\n');
}

/** Of each series, the entries of its largest shape. */
function largestShapes(entries: readonly Entry[]): Entry[][] {
  return [...new Set(entries.map(({ series }) => series))].map((series) => {
    const own = entries.filter((entry) => entry.series === series);
    const { shape } = own.reduce((most, one) => (one.invocations > most.invocations ? one : most));
    return own.filter((entry) => entry.shape === shape);
  });
}

interface Axis {
  readonly ticks: readonly number[];
  readonly end: number;
}

function panel(entry: Entry, roles: readonly string[], y: Axis): string {
  const { store, memory } = entry;
  const x = linearAxis(Math.max(1, ...Object.values(memory).flatMap((own) => own.map(([at]) => at))));
  const across = (seconds: number): number => (seconds / x.end) * PANEL_WIDTH;
  const down = (mib: number): number => (1 - mib / y.end) * PANEL_HEIGHT;
  const lines = roles.map((role, k) => {
    const path = (memory[role] ?? []).map(([at, mib]) => `${round(across(at))},${round(down(mib))}`);
    return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour(k)}" stroke-width="1.5"/>`;
  });
  return [
    text(PANEL_WIDTH / 2, -8, `${entryName(entry)}, ${store}`, 'middle'),
    ...x.ticks.flatMap((tick) => [
      rule(across(tick), 0, across(tick), PANEL_HEIGHT),
      text(across(tick), PANEL_HEIGHT + 16, String(tick), 'middle'),
    ]),
    ...y.ticks.flatMap((tick) => [
      rule(0, down(tick), PANEL_WIDTH, down(tick)),
      text(-8, down(tick) + 4, String(tick), 'end'),
    ]),
    ...lines,
  ].join('\n');
}

/** From zero to the first round number that is at least `most`. */
function linearAxis(most: number): Axis {
  const rough = most / ROUGH_TICKS;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = decade * ([1, 2, 5, 10].find((factor) => factor * decade >= rough) ?? 10);
  const count = Math.ceil(most / step);
  const ticks = Array.from({ length: count + 1 }, (_, k) => Number((k * step).toPrecision(6)));
  return { ticks, end: ticks.at(-1)! };
}

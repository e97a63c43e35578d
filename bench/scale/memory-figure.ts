import { colour, round, rule, text } from '../svg.js';
import type { Sample } from './sampler.js';

const WIDTH = 640;
const HEIGHT = 280;
const LEFT = 62;
const TOP = 54;
const BOTTOM = 48;
const RIGHT = 20;
const LEGEND_WIDTH = 150;
/** More points than pixels would only make the file larger. */
const MOST_POINTS = 640;
const ROUGH_TICKS = 6;

/** Resident memory of the processes of each role over time, in SVG: MiB against seconds, both from zero. */
export function memoryFigure(title: string, samples: readonly Sample[]): string {
  const roles = [...new Set(samples.map(({ role }) => role))].toSorted();
  const x = linearAxis(Math.max(1, ...samples.map(({ seconds }) => seconds)));
  const y = linearAxis(Math.max(1, ...samples.map(({ rssMiB }) => rssMiB)));
  const across = (seconds: number): number => LEFT + (seconds / x.end) * WIDTH;
  const down = (mib: number): number => TOP + (1 - mib / y.end) * HEIGHT;
  const [width, height] = [LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM];
  const lines = roles.map((role, k) => {
    const own = thinned(samples.filter((sample) => sample.role === role));
    const path = own.map(({ seconds, rssMiB }) => `${round(across(seconds))},${round(down(rssMiB))}`);
    return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour(k)}" stroke-width="1.5"/>`;
  });
  const legend = roles.map((role, k) => {
    const start = LEFT + k * LEGEND_WIDTH;
    const mark = `<line x1="${start}" y1="40" x2="${start + 18}" y2="40" stroke="${colour(k)}" stroke-width="3"/>`;
    return mark + text(start + 23, 44, role, 'start');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"` +
      ' font-family="sans-serif" font-size="12">',
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(LEFT, 20, title, 'start'),
    ...legend,
    ...x.ticks.flatMap((tick) => [
      rule(across(tick), TOP, across(tick), TOP + HEIGHT),
      text(across(tick), TOP + HEIGHT + 16, String(tick), 'middle'),
    ]),
    ...y.ticks.flatMap((tick) => [
      rule(LEFT, down(tick), LEFT + WIDTH, down(tick)),
      text(LEFT - 8, down(tick) + 4, String(tick), 'end'),
    ]),
    ...lines,
    text(LEFT + WIDTH / 2, height - 10, 'seconds', 'middle'),
    `<g transform="translate(16 ${TOP + HEIGHT / 2}) rotate(-90)">${text(0, 0, 'resident memory, MiB', 'middle')}</g>`,
    '</svg>\n',
  ].join('\n');
}

/** From zero to the first round number that is not below `most`. */
function linearAxis(most: number): { readonly ticks: readonly number[]; readonly end: number } {
  const rough = most / ROUGH_TICKS;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = decade * ([1, 2, 5, 10].find((factor) => factor * decade >= rough) ?? 10);
  const count = Math.ceil(most / step);
  const ticks = Array.from({ length: count + 1 }, (_, k) => Number((k * step).toPrecision(6)));
  return { ticks, end: ticks.at(-1)! };
}

/** The largest of each group of neighbours, so that no peak is lost. */
function thinned(samples: readonly Sample[]): Sample[] {
  const group = Math.ceil(samples.length / MOST_POINTS);
  const kept: Sample[] = [];
  for (let from = 0; from < samples.length; from += group) {
    kept.push(
      samples.slice(from, from + group).reduce((most, one) => (one.rssMiB > most.rssMiB ? one : most)),
    );
  }
  return kept;
}

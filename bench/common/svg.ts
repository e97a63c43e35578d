/** Paul Tol's "bright" scheme, which colour-blind readers can distinguish too. */
const COLOURS = ['#4477aa', '#66ccee', '#ee6677', '#ccbb44', '#228833', '#aa3377', '#bbbbbb'];

/** The colour of the k-th line of a figure. */
export function colour(k: number): string {
  return COLOURS[k % COLOURS.length]!;
}

/** A thin line of a grid. */
export function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#e4e4e4"/>`;
}

export function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${words}</text>`;
}

/** To a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

import { components } from '../procedural/components.js';
import { GRID } from '../procedural/label-grid.js';
import type { Pattern } from './pattern.js';

const FEWEST_DOTS = 6;
const FEWEST_RINGS = 3;

/** What fills a picture. `plain` is one colour; `scattered` means that things lie apart on a ground. */
export type SeenPattern = Pattern | 'plain' | 'scattered';

/** Names the pattern of a `mask`: GRID x GRID, 1 where the picture has the figure's colour. */
export function recognisePattern(mask: Uint8Array): SeenPattern {
  const covered = mask.reduce((sum, value) => sum + value, 0) / mask.length;
  if (covered < 0.01) return 'plain';
  const across = changes(mask, 1, 0);
  const down = changes(mask, 0, 1);
  if (down > 0.02 && across < 0.12 * down) return 'level stripes';
  if (across > 0.02 && down < 0.12 * across) return 'upright stripes';
  const busiest = Math.max(across, down);
  if (Math.min(changes(mask, 1, 1), changes(mask, 1, -1)) < 0.3 * busiest) return 'slanting stripes';
  if (isRound(mask)) return 'rings';
  const islands = components(mask, 8).filter((c) => c.label === 1);
  const crossing = islands.filter((c) => c.left === 0 && c.right === GRID - 1);
  if (crossing.length >= 2) return flatShare(mask) < 0.14 ? 'zigzags' : 'waves';
  if (covered > 0.3 && covered < 0.7 && isProduct(mask)) return 'checks';
  const dots = islands.filter((c) => c.right - c.left < GRID / 3 && c.bottom - c.top < GRID / 3);
  const inDots = dots.reduce((sum, c) => sum + c.cells.length, 0);
  if (dots.length >= FEWEST_DOTS && inDots > 0.8 * covered * mask.length)
    return areAlike(dots) ? 'dots' : 'patches';
  return covered < 0.3 && islands.length > 2 ? 'scattered' : 'patches';
}

/** The share of cells that differ from the cell `dx` to the right and `dy` below. */
export function changes(mask: Uint8Array, dx: number, dy: number): number {
  let count = 0;
  let total = 0;
  for (let row = Math.max(0, -dy); row < GRID - Math.max(0, dy); row++) {
    for (let column = 0; column < GRID - dx; column++) {
      total++;
      if (mask[row * GRID + column] !== mask[(row + dy) * GRID + column + dx]) count++;
    }
  }
  return count / total;
}

/**
 * Whether the mask is a column pattern times a row pattern. Then of any four cells at the corners of a box, an even
 * number are set.
 */
function isProduct(mask: Uint8Array): boolean {
  let even = 0;
  let total = 0;
  for (let row = 0; row < GRID; row += 3) {
    for (let column = 0; column < GRID; column += 3) {
      const otherRow = (row + 37) % GRID;
      const otherColumn = (column + 53) % GRID;
      const corners =
        mask[row * GRID + column]! +
        mask[row * GRID + otherColumn]! +
        mask[otherRow * GRID + column]! +
        mask[otherRow * GRID + otherColumn]!;
      if ((corners & 1) === 0) even++;
      total++;
    }
  }
  return even > 0.8 * total;
}

/** Whether the mask is the same at equal distances from the middle, and changes often from there outwards. */
function isRound(mask: Uint8Array): boolean {
  const profile = new Uint8Array(GRID / 2);
  let rings = 0;
  for (let radius = 0; radius < profile.length; radius++) {
    const diagonal = Math.floor(radius * 0.7071 + GRID / 2);
    profile[radius] = mask[diagonal * GRID + diagonal]!;
    if (radius > 0 && profile[radius] !== profile[radius - 1]) rings++;
  }
  if (rings < FEWEST_RINGS) return false;
  let same = 0;
  let total = 0;
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      const x = column + 0.5 - GRID / 2;
      const y = row + 0.5 - GRID / 2;
      const radius = Math.round(Math.sqrt(x * x + y * y));
      if (radius >= profile.length) continue;
      total++;
      if (mask[row * GRID + column] === profile[radius]) same++;
    }
  }
  return same > 0.8 * total;
}

/** The share of downward changes of colour that stay level for three cells: crests of waves do, slopes do not. */
function flatShare(mask: Uint8Array): number {
  const isEdge = (at: number): boolean => mask[at] !== mask[at + GRID];
  let edges = 0;
  let flat = 0;
  for (let row = 0; row < GRID - 1; row++) {
    for (let column = 1; column < GRID - 1; column++) {
      const at = row * GRID + column;
      if (!isEdge(at)) continue;
      edges++;
      if (isEdge(at - 1) && isEdge(at + 1)) flat++;
    }
  }
  return flat / edges;
}

function areAlike(dots: readonly { readonly cells: Int32Array }[]): boolean {
  const areas = dots.map((dot) => dot.cells.length).sort((a, b) => a - b);
  const middle = areas[areas.length >> 1]!;
  return areas.filter((area) => area > 0.6 * middle && area < 1.6 * middle).length > 0.6 * areas.length;
}

import type { ImageArtifact } from '../../experiment/artifact.js';
import { assertNever } from '../../common/errors.js';
import { PALETTE } from '../procedural/palette.js';
import type { Random } from '../random.js';
import { type Design, type Pattern, PERIOD } from './pattern.js';

const SIDE = 256;

/** How much of the figure's colour a point shows, 0..1; x and y in periods. */
type Weave = (x: number, y: number) => number;

/** Paints a design, 256x256. The random numbers decide where the pattern starts, never what it is. */
export function paintDesign({ pattern, scale, figure, ground }: Design, random: Random): ImageArtifact {
  const period = PERIOD[scale];
  const shiftX = random.below(period) / period;
  const shiftY = random.below(period) / period;
  const centred = pattern === 'rings';
  const cover = weave(pattern, period, random);
  const pixels = new Uint8ClampedArray(SIDE * SIDE * 3);
  const [red, green, blue] = PALETTE[ground];
  const [figureRed, figureGreen, figureBlue] = PALETTE[figure];
  for (let y = 0; y < SIDE; y++) {
    const v = centred ? (y + 0.5 - SIDE / 2) / period : (y + 0.5) / period + shiftY;
    for (let x = 0; x < SIDE; x++) {
      const share = cover(centred ? (x + 0.5 - SIDE / 2) / period : (x + 0.5) / period + shiftX, v);
      const light = 1.03 - (x + y) / 5120;
      const at = (y * SIDE + x) * 3;
      pixels[at] = (red + (figureRed - red) * share) * light;
      pixels[at + 1] = (green + (figureGreen - green) * share) * light;
      pixels[at + 2] = (blue + (figureBlue - blue) * share) * light;
    }
  }
  return { modality: 'image', width: SIDE, height: SIDE, pixels: new Uint8Array(pixels.buffer) };
}

function weave(pattern: Pattern, period: number, random: Random): Weave {
  // Edges are one pixel soft.
  const edge = (signedDistance: number): number => clamp(signedDistance * period + 0.5);
  switch (pattern) {
    case 'level stripes':
      return (_, y) => edge(0.25 - fromMiddle(y));
    case 'upright stripes':
      return (x) => edge(0.25 - fromMiddle(x));
    case 'slanting stripes': {
      const way = random.chance(50) ? 1 : -1;
      return (x, y) => edge(0.25 - fromMiddle((x + way * y) * 0.75));
    }
    case 'checks':
      return (x, y) => {
        const column = edge(0.25 - fromMiddle(x));
        const row = edge(0.25 - fromMiddle(y));
        return column + row - 2 * column * row;
      };
    case 'dots':
      return (x, y) => {
        // Every other row is shifted by half a period.
        const row = Math.floor(y);
        const dx = fromMiddle(x + (row & 1) / 2);
        const dy = fromMiddle(y);
        return edge(0.3 - Math.sqrt(dx * dx + dy * dy));
      };
    case 'rings':
      return (x, y) => edge(0.25 - fromMiddle(Math.sqrt(x * x + y * y) * 0.9));
    case 'waves':
      return (x, y) => edge(0.25 - fromMiddle(y + 0.28 * swing(x * 0.6)));
    case 'zigzags':
      return (x, y) => edge(0.25 - fromMiddle(y + 1.1 * fromMiddle(x * 0.8)));
    case 'patches':
      return patches(random, edge);
    default:
      return assertNever(pattern);
  }
}

/** Distance of a number from the middle of the unit interval: 0 in the middle, 1/2 at the ends. */
function fromMiddle(value: number): number {
  return Math.abs(value - Math.floor(value) - 0.5);
}

/** A wave of period 1 between -1 and 1, of two parabolas: near a sine, and the same bits on every machine. */
function swing(value: number): number {
  const phase = value - Math.floor(value);
  return phase < 0.5 ? 16 * phase * (0.5 - phase) : -16 * (phase - 0.5) * (1 - phase);
}

/** Value noise, cut at half height: random heights on a lattice, smoothly joined. */
function patches(random: Random, edge: (signedDistance: number) => number): Weave {
  const side = 32;
  const heights = Float64Array.from({ length: side * side }, () => random.below(1024) / 1024);
  return (x, y) => {
    const column = Math.floor(x);
    const row = Math.floor(y);
    const u = smooth(x - column);
    const v = smooth(y - row);
    const at = (dx: number, dy: number): number =>
      heights[((row + dy) % side) * side + ((column + dx) % side)]!;
    const upper = at(0, 0) + (at(1, 0) - at(0, 0)) * u;
    const lower = at(0, 1) + (at(1, 1) - at(0, 1)) * u;
    return edge((upper + (lower - upper) * v - 0.5) * 0.5);
  };
}

function smooth(share: number): number {
  return share * share * (3 - 2 * share);
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

import type { ImageArtifact } from '../experiment/artifact.js';

const COLOUR_LEVELS = 4;
const COLOUR_BINS = COLOUR_LEVELS ** 3;
const COLOUR_TILES = 2;
const GRADIENT_TILES = 4;
const ORIENTATIONS = 8;
/** Points a side at which a picture is sampled, whatever its size. */
const SAMPLES = 128;
const TAN_22_5 = 0.414213562373095;

const COLOUR_VALUES = COLOUR_TILES * COLOUR_TILES * COLOUR_BINS;
const GRADIENT_VALUES = GRADIENT_TILES * GRADIENT_TILES * ORIENTATIONS;
/** 256 values of colour (2 x 2 tiles of 4 x 4 x 4 bins) and 128 of edges (4 x 4 tiles of 8 directions). */
export const COLOUR_GRADIENT_DIMENSION = COLOUR_VALUES + GRADIENT_VALUES;

/**
 * A picture as histograms of its colours and of the directions of its edges (as in histograms of oriented gradients:
 * Dalal and Triggs 2005), by tiles. Square roots are taken, so that the Euclidean distance is Hellinger's; both halves
 * weigh the same, and the whole has length 1.
 */
export function embedColourGradient(picture: ImageArtifact): Float32Array {
  const colours = new Float64Array(COLOUR_VALUES);
  const gradients = new Float64Array(GRADIENT_VALUES);
  const grey = new Float64Array(SAMPLES * SAMPLES);
  const { width, height, pixels } = picture;
  for (let row = 0; row < SAMPLES; row++) {
    const y = Math.floor(((row + 0.5) * height) / SAMPLES);
    for (let column = 0; column < SAMPLES; column++) {
      const at = (y * width + Math.floor(((column + 0.5) * width) / SAMPLES)) * 3;
      const red = pixels[at]!;
      const green = pixels[at + 1]!;
      const blue = pixels[at + 2]!;
      addColour(colours, tileOf(row, column, COLOUR_TILES) * COLOUR_BINS, red, green, blue);
      grey[row * SAMPLES + column] = red + 2 * green + blue;
    }
  }
  addGradients(gradients, grey);
  return joined(colours, gradients);
}

function tileOf(row: number, column: number, tiles: number): number {
  return Math.floor((row * tiles) / SAMPLES) * tiles + Math.floor((column * tiles) / SAMPLES);
}

/** Shares a colour among the (up to) eight bins around it, so that near colours get near histograms. */
function addColour(values: Float64Array, first: number, red: number, green: number, blue: number): void {
  const scale = (COLOUR_LEVELS - 1) / 255;
  const [r, g, b] = [red * scale, green * scale, blue * scale];
  const r0 = Math.min(COLOUR_LEVELS - 2, Math.floor(r));
  const g0 = Math.min(COLOUR_LEVELS - 2, Math.floor(g));
  const b0 = Math.min(COLOUR_LEVELS - 2, Math.floor(b));
  for (let corner = 0; corner < 8; corner++) {
    const dr = corner & 1;
    const dg = (corner >> 1) & 1;
    const db = corner >> 2;
    const share = (1 - Math.abs(r - r0 - dr)) * (1 - Math.abs(g - g0 - dg)) * (1 - Math.abs(b - b0 - db));
    const bin = first + ((r0 + dr) * COLOUR_LEVELS + g0 + dg) * COLOUR_LEVELS + b0 + db;
    values[bin] = values[bin]! + share;
  }
}

function addGradients(values: Float64Array, grey: Float64Array): void {
  for (let row = 1; row < SAMPLES - 1; row++) {
    for (let column = 1; column < SAMPLES - 1; column++) {
      const at = row * SAMPLES + column;
      const dx = grey[at + 1]! - grey[at - 1]!;
      const dy = grey[at + SAMPLES]! - grey[at - SAMPLES]!;
      if (dx === 0 && dy === 0) continue;
      const bin = tileOf(row, column, GRADIENT_TILES) * ORIENTATIONS + directionOf(dx, dy);
      values[bin] = values[bin]! + Math.sqrt(dx * dx + dy * dy);
    }
  }
}

/** Which of eight sectors a direction lies in, without an arc tangent: its last bits depend on the machine. */
function directionOf(dx: number, dy: number): number {
  const steep = Math.abs(dy) * TAN_22_5 > Math.abs(dx);
  const level = Math.abs(dx) * TAN_22_5 > Math.abs(dy);
  if (level) return dx > 0 ? 0 : 4;
  if (steep) return dy > 0 ? 2 : 6;
  return dx > 0 ? (dy > 0 ? 1 : 7) : dy > 0 ? 3 : 5;
}

function joined(colours: Float64Array, gradients: Float64Array): Float32Array {
  const total = sum(colours);
  const edges = sum(gradients);
  const half = edges === 0 ? 1 : 0.5;
  const vector = new Float32Array(COLOUR_GRADIENT_DIMENSION);
  for (let i = 0; i < COLOUR_VALUES; i++) vector[i] = Math.sqrt((half * colours[i]!) / total);
  if (edges === 0) return vector;
  for (let i = 0; i < GRADIENT_VALUES; i++) {
    vector[COLOUR_VALUES + i] = Math.sqrt((half * gradients[i]!) / edges);
  }
  return vector;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

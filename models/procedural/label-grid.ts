import type { ImageArtifact } from '../../experiment/artifact.js';
import { nearestColourTable } from './palette.js';

/** Cells a side of the grid through which describers see a picture. */
export const GRID = 128;

/** GRID x GRID indices into COLOURS, row by row: the nearest named colour of each cell, without specks. */
export function labelGrid(picture: ImageArtifact): Uint8Array {
  const { width, height, pixels } = picture;
  const table = nearestColourTable();
  const labels = new Uint8Array(GRID * GRID);
  for (let row = 0; row < GRID; row++) {
    const y = Math.floor(((row + 0.5) * height) / GRID);
    for (let column = 0; column < GRID; column++) {
      const at = (y * width + Math.floor(((column + 0.5) * width) / GRID)) * 3;
      const key = ((pixels[at]! >> 3) << 10) | ((pixels[at + 1]! >> 3) << 5) | (pixels[at + 2]! >> 3);
      labels[row * GRID + column] = table[key]!;
    }
  }
  return withoutSpecks(labels);
}

/**
 * Gives a cell with fewer than two neighbours of its own colour the colour that most neighbours share. At the soft
 * edges of shapes, two colours mix into a third that is one cell wide.
 */
function withoutSpecks(labels: Uint8Array): Uint8Array {
  const cleaned = labels.slice();
  for (let row = 1; row < GRID - 1; row++) {
    for (let column = 1; column < GRID - 1; column++) {
      const at = row * GRID + column;
      const own = labels[at]!;
      const left = labels[at - 1]!;
      const right = labels[at + 1]!;
      const above = labels[at - GRID]!;
      const below = labels[at + GRID]!;
      const alike = +(left === own) + +(right === own) + +(above === own) + +(below === own);
      if (alike < 2)
        cleaned[at] = left === right ? left : above === below ? above : left === above ? left : right;
    }
  }
  return cleaned;
}

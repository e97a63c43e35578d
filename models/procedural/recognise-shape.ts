import type { Component } from './components.js';
import { GRID } from './label-grid.js';
import type { Shape } from './scene.js';

/** What an outline looks like: one of the painter's shapes, or a form that the painter never paints. */
export type SeenShape = Shape | 'rectangle' | 'patch';

interface Outline {
  readonly width: number;
  readonly height: number;
  /** Cells between the first and the last of each row, over the cells of the bounding box. */
  readonly fullness: number;
  /** Cells of the component over the cells of `fullness`: below 1 where something is cut out. */
  readonly solidity: number;
  /** How far the mean column lies from the middle of the box, over its width: negative to the left. */
  readonly lean: number;
  readonly centreIsEmpty: boolean;
  /** Length of the row at a share of the height (0 top, 1 bottom), over the width. */
  readonly rowLength: (share: number) => number;
}

function outline(component: Component): Outline {
  const { left, top, right, bottom, cells } = component;
  const width = right - left + 1;
  const height = bottom - top + 1;
  const first = new Int32Array(height).fill(GRID);
  const last = new Int32Array(height).fill(-1);
  const middleRow = Math.floor((top + bottom) / 2);
  const middleColumn = Math.floor((left + right) / 2);
  let columns = 0;
  let centreIsEmpty = true;
  for (const at of cells) {
    const column = at % GRID;
    const row = (at - column) / GRID;
    columns += column;
    if (column < first[row - top]!) first[row - top] = column;
    if (column > last[row - top]!) last[row - top] = column;
    if (row === middleRow && column === middleColumn) centreIsEmpty = false;
  }
  let spanned = 0;
  for (let row = 0; row < height; row++) spanned += last[row]! - first[row]! + 1;
  return {
    width,
    height,
    fullness: spanned / (width * height),
    solidity: cells.length / spanned,
    lean: (columns / cells.length - (left + right) / 2) / width,
    centreIsEmpty,
    rowLength: (share) => {
      const row = Math.min(height - 1, Math.floor(share * height));
      return (last[row]! - first[row]! + 1) / width;
    },
  };
}

/**
 * Names the shape of a component from its bounding box, the share of the box that it fills, and the lengths of a
 * few rows. The bounds lie between the exact figures of the shapes (fullness of a circle 0.785, a diamond 0.5, a
 * cross 0.54, ...).
 */
export function recogniseShape(component: Component): SeenShape {
  const { width, height, fullness, solidity, lean, centreIsEmpty, rowLength } = outline(component);
  const top = rowLength(0.08);
  const bottom = rowLength(0.92);
  if (width > 2.2 * height && fullness > 0.8) return 'bar';
  if (height > 2.2 * width && fullness > 0.8) return 'column';
  const isSquarish = width < 1.35 * height && height < 1.35 * width;
  if (fullness > 0.92) return isSquarish ? 'square' : 'rectangle';
  if (centreIsEmpty && solidity < 0.85 && fullness > 0.7 && isSquarish) return 'ring';
  if (isTriangle(fullness, top, bottom)) return 'triangle';
  if (rowLength(0.27) < 0.46 && rowLength(0.73) < 0.46 && rowLength(0.5) > 0.85) return 'cross';
  const shoulders = Math.max(rowLength(0.38), rowLength(0.46));
  if (rowLength(0.2) < 0.34 && shoulders > 0.7 && fullness < 0.68) return 'star';
  if (Math.abs(lean) > 0.03 && rowLength(0.5) < 0.7) return 'crescent';
  if (fullness > 0.68 && isSquarish) return 'circle';
  if (rowLength(0.5) > 0.85 && fullness < 0.66) return 'diamond';
  return 'patch';
}

function isTriangle(fullness: number, top: number, bottom: number): boolean {
  if (fullness < 0.4 || fullness > 0.66) return false;
  return (bottom > 0.8 && top < 0.35) || (top > 0.8 && bottom < 0.35);
}

import { GRID } from './label-grid.js';

/** A connected patch of one colour. Lengths are in cells; `cells` are its places in the grid, in no useful order. */
export interface Component {
  readonly label: number;
  readonly cells: Int32Array;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The 4-connected components of a grid of labels with at least `smallest` cells, in reading order of their first cell. */
export function components(labels: Uint8Array, smallest: number): Component[] {
  const seen = new Uint8Array(labels.length);
  const queue = new Int32Array(labels.length);
  const found: Component[] = [];
  for (let start = 0; start < labels.length; start++) {
    if (seen[start] === 1) continue;
    const count = flood(labels, seen, queue, start);
    if (count >= smallest) found.push(measure(labels[start]!, queue.slice(0, count)));
  }
  return found;
}

/** Writes the component of `start` to the front of `queue`, and returns its number of cells. */
function flood(labels: Uint8Array, seen: Uint8Array, queue: Int32Array, start: number): number {
  const label = labels[start]!;
  let count = 0;
  queue[count++] = start;
  seen[start] = 1;
  for (let next = 0; next < count; next++) {
    const at = queue[next]!;
    const column = at % GRID;
    if (column > 0 && seen[at - 1] === 0 && labels[at - 1] === label)
      count = push(seen, queue, count, at - 1);
    if (column < GRID - 1 && seen[at + 1] === 0 && labels[at + 1] === label)
      count = push(seen, queue, count, at + 1);
    if (at >= GRID && seen[at - GRID] === 0 && labels[at - GRID] === label)
      count = push(seen, queue, count, at - GRID);
    if (at + GRID < labels.length && seen[at + GRID] === 0 && labels[at + GRID] === label) {
      count = push(seen, queue, count, at + GRID);
    }
  }
  return count;
}

function push(seen: Uint8Array, queue: Int32Array, count: number, at: number): number {
  seen[at] = 1;
  queue[count] = at;
  return count + 1;
}

function measure(label: number, cells: Int32Array): Component {
  let left = GRID;
  let top = GRID;
  let right = 0;
  let bottom = 0;
  for (const at of cells) {
    const column = at % GRID;
    const row = (at - column) / GRID;
    if (column < left) left = column;
    if (column > right) right = column;
    if (row < top) top = row;
    if (row > bottom) bottom = row;
  }
  return { label, cells, left, top, right, bottom };
}

/** Whether some 3 x 3 block lies in the component. A thing has one; shadows and soft edges are thinner. */
export function hasBody({ cells, label }: Component, labels: Uint8Array): boolean {
  return cells.some((at) => {
    const column = at % GRID;
    if (column === 0 || column === GRID - 1 || at < GRID || at + GRID >= labels.length) return false;
    for (let row = at - GRID; row <= at + GRID; row += GRID) {
      if (labels[row - 1] !== label || labels[row] !== label || labels[row + 1] !== label) return false;
    }
    return true;
  });
}

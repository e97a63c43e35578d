import type { Work } from './pacer.js';
import { pairCount } from './triangle.js';

/**
 * The least, over the points, of the greatest distance from the point. At that length one point is joined to
 * all others, the complex is a cone, and longer edges change nothing.
 */
export function* enclosingRadius(distances: Float32Array, pointCount: number): Work<number> {
  const farthest = new Float32Array(pointCount);
  for (let row = 1; row < pointCount; row++) {
    noteFarthest(distances, row, farthest);
    yield row;
  }
  let radius = Infinity;
  for (const distance of farthest) radius = Math.min(radius, distance);
  return radius;
}

function noteFarthest(distances: Float32Array, row: number, farthest: Float32Array): void {
  const start = pairCount(row);
  let most = 0;
  for (let column = 0; column < row; column++) {
    const distance = distances[start + column]!;
    if (distance > most) most = distance;
    if (distance > farthest[column]!) farthest[column] = distance;
  }
  farthest[row] = most;
}

/** The larger vertex of a packed edge: its upper half. */
export function edgeHead(edge: number): number {
  return edge >>> 16;
}

/** The smaller vertex of a packed edge: its lower half. */
export function edgeTail(edge: number): number {
  return edge & 0xffff;
}

const DIGIT_BITS = 11;
const DIGIT_MASK = (1 << DIGIT_BITS) - 1;
/** Without the sign, so that -0 is a length of 0. */
const LENGTH_BITS = 0x7fffffff;
type DigitCounts = readonly [low: Uint32Array, middle: Uint32Array, high: Uint32Array];
const EDGES_PER_STEP = 16_384;
/** A cache miss costs about as much as several operations. */
const OPERATIONS_PER_EDGE = 8;

/**
 * Up to this number of pairs the engine's own sort is faster than the first radix sort of a process, which is
 * interpreted.
 */
const FEW_PAIRS = 30_000;

/**
 * The edges no longer than `longest` (and of finite length), packed, sorted by length, then larger, then
 * smaller vertex. The result is in memory from `buffer`.
 */
export function* sortedEdges(
  distances: Float32Array,
  pointCount: number,
  longest: number,
  buffer: (bytes: number) => ArrayBuffer | SharedArrayBuffer,
): Work<Uint32Array> {
  if (distances.length > FEW_PAIRS) return yield* radixSorted(distances, pointCount, longest, buffer);
  yield OPERATIONS_PER_EDGE * distances.length;
  return sortedAtOnce(distances, pointCount, longest, buffer);
}

/**
 * Uses the engine's sort of 64-bit numbers, with the bits of the length in the upper half and the packed edge
 * in the lower.
 */
function sortedAtOnce(
  distances: Float32Array,
  pointCount: number,
  longest: number,
  buffer: (bytes: number) => ArrayBuffer | SharedArrayBuffer,
): Uint32Array {
  const bits = new Uint32Array(distances.buffer, distances.byteOffset, distances.length);
  const keys = new BigUint64Array(distances.length);
  const halves = new Uint32Array(keys.buffer);
  let end = 0;
  let pair = 0;
  for (let row = 1; row < pointCount; row++) {
    for (let column = 0; column < row; column++, pair++) {
      const length = distances[pair]!;
      if (length > longest || length === Infinity) continue;
      halves[end + LOWER_HALF] = (row << 16) | column;
      halves[end + 1 - LOWER_HALF] = bits[pair]! & LENGTH_BITS;
      end += 2;
    }
  }
  keys.subarray(0, end / 2).sort();
  const edges = new Uint32Array(buffer(2 * end));
  for (let k = 0; k < edges.length; k++) edges[k] = halves[2 * k + LOWER_HALF]!;
  return edges;
}

/** The position of the lower half of a 64-bit number, in 32-bit words. */
const LOWER_HALF = new Uint32Array(BigUint64Array.of(1n).buffer)[0] === 1 ? 0 : 1;

/**
 * A stable radix sort on the bits of the float32 lengths. For numbers of at least 0 the bits have the order
 * of the numbers. Uses 8 bytes per edge, 4 of them until it returns.
 */
function* radixSorted(
  distances: Float32Array,
  pointCount: number,
  longest: number,
  buffer: (bytes: number) => ArrayBuffer | SharedArrayBuffer,
): Work<Uint32Array> {
  const bits = new Uint32Array(distances.buffer, distances.byteOffset, distances.length);
  const digitCounts: DigitCounts = [noCounts(), noCounts(), noCounts()];
  let from: Uint32Array = new Uint32Array(distances.length);
  let edgeCount = 0;
  for (let row = 1; row < pointCount; row++) {
    edgeCount = collectRow(distances, bits, row, longest, from, edgeCount, digitCounts);
    yield 4 * row;
  }
  // An odd number of passes ends in the second array.
  let to: Uint32Array = new Uint32Array(buffer(4 * edgeCount));
  for (const [digit, counts] of digitCounts.entries()) {
    const next = firstPlaces(counts);
    for (let start = 0; start < edgeCount; start += EDGES_PER_STEP) {
      const end = Math.min(edgeCount, start + EDGES_PER_STEP);
      scatterByDigit(bits, from, start, end, to, digit * DIGIT_BITS, next);
      yield OPERATIONS_PER_EDGE * (end - start);
    }
    [from, to] = [to, from];
  }
  return from;
}

// The loops below call no function: the first call of a process interprets them, and a call then costs more
// than all the rest.

/**
 * Adds the edges between `row` and the points before it to `edges`, from place `count` on. Returns the new
 * number of edges.
 */
function collectRow(
  distances: Float32Array,
  bits: Uint32Array,
  row: number,
  longest: number,
  edges: Uint32Array,
  count: number,
  [low, middle, high]: DigitCounts,
): number {
  const start = pairCount(row);
  for (let column = 0; column < row; column++) {
    const length = distances[start + column]!;
    if (length > longest || length === Infinity) continue;
    edges[count++] = (row << 16) | column;
    const word = bits[start + column]! & LENGTH_BITS;
    low[word & DIGIT_MASK]!++;
    middle[(word >>> DIGIT_BITS) & DIGIT_MASK]!++;
    high[word >>> (2 * DIGIT_BITS)]!++;
  }
  return count;
}

function noCounts(): Uint32Array {
  return new Uint32Array(1 << DIGIT_BITS);
}

/** By digit: the place of the first edge that has the digit. */
function firstPlaces(counts: Uint32Array): Uint32Array {
  let place = 0;
  return counts.map((count) => (place += count) - count);
}

function scatterByDigit(
  bits: Uint32Array,
  from: Uint32Array,
  start: number,
  end: number,
  to: Uint32Array,
  shift: number,
  next: Uint32Array,
): void {
  for (let k = start; k < end; k++) {
    const edge = from[k]!;
    const head = edge >>> 16;
    const word = bits[(head * (head - 1)) / 2 + (edge & 0xffff)]!;
    const digit = ((word & LENGTH_BITS) >>> shift) & DIGIT_MASK;
    to[next[digit]!++] = edge;
  }
}

import type { Pacer } from './pacer.js';
import { pairCount, pairRow } from './triangle.js';

/**
 * Smallest, over the points, of the greatest distance from it. At that length one point is joined to all others, the
 * complex is a cone, and longer edges change nothing.
 */
export function enclosingRadius(distances: Float32Array, pointCount: number): number {
  const farthest = new Float32Array(pointCount);
  let k = 0;
  for (let i = 1; i < pointCount; i++) {
    for (let j = 0; j < i; j++) {
      const distance = distances[k++]!;
      if (distance > farthest[i]!) farthest[i] = distance;
      if (distance > farthest[j]!) farthest[j] = distance;
    }
  }
  let radius = Infinity;
  for (const distance of farthest) radius = Math.min(radius, distance);
  return radius;
}

/** Packs an edge i > j in one word; see `edgeHead` and `edgeTail`. */
function packEdge(i: number, j: number): number {
  return ((i << 16) | j) >>> 0;
}

/** The larger vertex of a packed edge. */
export function edgeHead(edge: number): number {
  return edge >>> 16;
}

/** The smaller vertex of a packed edge. */
export function edgeTail(edge: number): number {
  return edge & 0xffff;
}

const DIGIT_BITS = 11;
const DIGITS = 3;

/**
 * The edges no longer than `longest` (and of finite length), packed, sorted by length, then larger, then smaller vertex.
 *
 * A stable radix sort on the bits of the float32 lengths, which for numbers of at least 0 are ordered as the numbers are.
 * Needs 8 bytes per edge, 4 of them until it returns; what it returns is in memory from `buffer`.
 */
export async function sortedEdges(
  distances: Float32Array,
  longest: number,
  pacer: Pacer,
  buffer: (bytes: number) => ArrayBuffer | SharedArrayBuffer,
): Promise<Uint32Array> {
  const bits = new Uint32Array(distances.buffer, distances.byteOffset, distances.length);
  let edgeCount = 0;
  for (let k = 0; k < distances.length; k++) if (isEdge(distances[k]!, longest)) edgeCount++;
  // An odd number of passes ends in the second.
  let from: Uint32Array = new Uint32Array(edgeCount);
  let to: Uint32Array = new Uint32Array(buffer(4 * edgeCount));
  let next = 0;
  for (let k = 0; k < distances.length; k++) if (isEdge(distances[k]!, longest)) from[next++] = k;

  const starts = new Uint32Array(1 << DIGIT_BITS);
  for (let digit = 0; digit < DIGITS; digit++) {
    pacer.spend(4 * edgeCount);
    if (pacer.isDue) await pacer.rest();
    scatterByDigit(bits, from, to, digit * DIGIT_BITS, starts);
    [from, to] = [to, from];
  }
  for (let rank = 0; rank < edgeCount; rank++) {
    const i = pairRow(from[rank]!);
    from[rank] = packEdge(i, from[rank]! - pairCount(i));
  }
  return from;
}

function isEdge(length: number, longest: number): boolean {
  return length <= longest && length < Infinity;
}

function scatterByDigit(
  bits: Uint32Array,
  from: Uint32Array,
  to: Uint32Array,
  shift: number,
  starts: Uint32Array,
): void {
  const digitMask = starts.length - 1;
  starts.fill(0);
  // The sign bit is cut off: -0 is a length of 0.
  for (let k = 0; k < from.length; k++) {
    const digit = ((bits[from[k]!]! & 0x7fffffff) >>> shift) & digitMask;
    starts[digit] = starts[digit]! + 1;
  }
  let start = 0;
  for (let digit = 0; digit <= digitMask; digit++) {
    const count = starts[digit]!;
    starts[digit] = start;
    start += count;
  }
  for (let k = 0; k < from.length; k++) {
    const place = from[k]!;
    const digit = ((bits[place]! & 0x7fffffff) >>> shift) & digitMask;
    const slot = starts[digit]!;
    starts[digit] = slot + 1;
    to[slot] = place;
  }
}

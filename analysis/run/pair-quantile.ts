import type { Work } from '../../tda/pacer.js';
import { pairCount } from '../../tda/triangle.js';
import type { StepDistances } from './step-distances.js';

const HALF = 2 ** 16;

/**
 * Counts of distances by the upper half of their bits. Floats that are not negative have the order of their bits
 * (IEEE 754), so two counts find any rank exactly, without a sort: one of upper halves, one of lower halves.
 */
export function addUpperHalves(counts: Float64Array, distances: Float32Array): void {
  const bits = bitsOf(distances);
  for (let place = 0; place < bits.length; place++) counts[bits[place]! >>> 16]!++;
}

export function emptyCounts(): Float64Array {
  return new Float64Array(HALF);
}

/**
 * The ⌈rate · N⌉-th smallest of the N pair distances of at least two steps. A caller that has already counted the
 * upper halves of all distances gives these counts, and saves a pass.
 */
export function* pairQuantile(
  distances: StepDistances,
  rate: number,
  upperCounts?: Float64Array,
): Work<number> {
  const n = distances.stepCount;
  const upper = upperCounts ?? emptyCounts();
  if (upperCounts === undefined) {
    for (let step = 1; step < n; step++) {
      addUpperHalves(upper, distances.row(step));
      yield distances.operationsPerRow(step);
    }
  }
  const { place: half, left } = placeOf(upper, Math.max(1, Math.ceil(rate * pairCount(n))));
  const lower = emptyCounts();
  for (let step = 1; step < n; step++) {
    addLowerHalves(lower, distances.row(step), half);
    yield distances.operationsPerRow(step);
  }
  const bits = Uint32Array.of(half * HALF + placeOf(lower, left).place);
  return new Float32Array(bits.buffer)[0]!;
}

function addLowerHalves(counts: Float64Array, distances: Float32Array, half: number): void {
  const bits = bitsOf(distances);
  for (let place = 0; place < bits.length; place++) {
    const word = bits[place]!;
    if (word >>> 16 === half) counts[word & 0xffff]!++;
  }
}

/** The place at which the counts reach a rank, from 1 on, and the rank that is left within it. */
function placeOf(counts: Float64Array, rank: number): { place: number; left: number } {
  let left = rank;
  let place = 0;
  while (counts[place]! < left) left -= counts[place++]!;
  return { place, left };
}

function bitsOf(distances: Float32Array): Uint32Array {
  return new Uint32Array(distances.buffer, distances.byteOffset, distances.length);
}

import { refuseUnpaired } from './pairs.js';

/**
 * Kendall's tau-b in [-1, 1]: (concordant - discordant pairs) / √(pairs not tied in a · pairs not tied in b). Null
 * where a variable has one value only. Takes n log n steps.
 *
 * Throws AnalysisInputError for variables of different lengths, and for a value that is not finite.
 *
 * Source: Kendall 1945, Biometrika 33:239; the count by merge sort: Knight 1966, J. Am. Stat. Assoc. 61:436.
 */
export function kendallTau(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  refuseUnpaired({ a, b });
  const count = a.length;
  const order = Uint32Array.from(a, (_, place) => place).sort((i, j) => a[i]! - a[j]! || b[i]! - b[j]!);
  const sortedA = Float64Array.from(order, (place) => a[place]!);
  const sortedB = Float64Array.from(order, (place) => b[place]!);
  const pairs = (count * (count - 1)) / 2;
  const tiedInBoth = tiedPairs(count, (i, j) => sortedA[i] === sortedA[j] && sortedB[i] === sortedB[j]);
  const tiedInA = tiedPairs(count, (i, j) => sortedA[i] === sortedA[j]);
  const discordant = exchangesToSort(sortedB);
  const tiedInB = tiedPairs(count, (i, j) => sortedB[i] === sortedB[j]);
  if (tiedInA === pairs || tiedInB === pairs) return null;
  const concordant = pairs - tiedInA - tiedInB + tiedInBoth - discordant;
  const tau = (concordant - discordant) / Math.sqrt((pairs - tiedInA) * (pairs - tiedInB));
  return Math.max(-1, Math.min(1, tau));
}

/** Pairs of equal neighbours in sorted order. */
function tiedPairs(count: number, isTied: (i: number, j: number) => boolean): number {
  let tied = 0;
  for (let place = 1, before = 0; place < count; place++) {
    before = isTied(place - 1, place) ? before + 1 : 0;
    tied += before;
  }
  return tied;
}

/** Sorts in place by merging, and returns how many pairs were in the wrong order; a tied pair is in no wrong order. */
function exchangesToSort(values: Float64Array): number {
  const merged = new Float64Array(values.length);
  let exchanges = 0;
  for (let width = 1; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      const middle = Math.min(start + width, values.length);
      const end = Math.min(start + 2 * width, values.length);
      for (let left = start, right = middle, to = start; to < end; to++) {
        if (right === end || (left < middle && values[left]! <= values[right]!)) merged[to] = values[left++]!;
        else {
          merged[to] = values[right++]!;
          exchanges += middle - left;
        }
      }
    }
    values.set(merged);
  }
  return exchanges;
}

import { BarCollector } from './bars.js';
import type { Work } from './pacer.js';
import type { OnProgress } from './progress.js';

export interface DistanceSource {
  /** Writes to out[k] the distance from `vertex` to others[k], for k < count. */
  readonly write: (vertex: number, others: Int32Array, count: number, out: Float32Array) => void;
  readonly operationsPerDistance: number;
}

export interface ConnectedComponents {
  readonly diagram: Float32Array;
  /** Number of components at length 0. */
  readonly distinctPointCount: number;
  /** Number of pairs no longer than the limit. */
  readonly edgeCount: number;
}

/**
 * Degree 0 alone: the finite bars end at the lengths of a minimum spanning tree (single linkage). Prim's
 * algorithm asks for each distance once and keeps O(n) of them: O(n²) time, no sort, no matrix.
 *
 * `onProgress` gets the pairs done, and the number of all pairs.
 */
export function* connectedComponents(
  pointCount: number,
  source: DistanceSource,
  longest: number,
  onProgress: OnProgress,
): Work<ConnectedComponents> {
  const outside = Int32Array.from({ length: pointCount - 1 }, (_, k) => k + 1);
  const nearest = new Float32Array(pointCount).fill(Infinity);
  const lengths = new Float32Array(pointCount);
  const bars = new BarCollector();
  const pairTotal = (pointCount * (pointCount - 1)) / 2;
  let pairsDone = 0;
  let edgeCount = 0;
  let distinctPointCount = 1;
  let added = 0;
  for (let count = pointCount - 1; count > 0; count--) {
    source.write(added, outside, count, lengths);
    let closest = 0;
    for (let k = 0; k < count; k++) {
      const length = lengths[k]!;
      if (length <= longest && length < Infinity) edgeCount++;
      if (length < nearest[k]!) nearest[k] = length;
      if (nearest[k]! < nearest[closest]!) closest = k;
    }
    const length = nearest[closest]!;
    bars.add(0, length <= longest ? length : Infinity);
    if (length > 0) distinctPointCount++;
    added = outside[closest]!;
    outside[closest] = outside[count - 1]!;
    nearest[closest] = nearest[count - 1]!;

    pairsDone += count;
    onProgress(pairsDone, pairTotal);
    yield count * source.operationsPerDistance;
  }
  bars.add(0, Infinity);
  onProgress(pairTotal, pairTotal);
  return { diagram: bars.diagram(), distinctPointCount, edgeCount };
}

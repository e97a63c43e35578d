import { pointAt } from '../points.js';
import { NOISE } from './membership.js';
import type { WeightedPoints } from './weighted-points.js';

/**
 * The row of each cluster that is nearest to the cluster's weighted mean, by number. For squared distances it is exactly
 * the medoid: Σ w ‖x - y‖² over the members x exceeds Σ w ‖x - mean‖² by ‖y - mean‖² Σ w. Of equally near ones (distances
 * rounded to float32) it is the first to appear.
 */
export function medoidsOf(
  { points, dimension, weights }: WeightedPoints,
  numbers: Int32Array,
  clusterCount: number,
  firstAppearance: Uint32Array,
): Int32Array {
  const means = weightedMeans({ points, dimension, weights }, numbers, clusterCount);
  const medoids = new Int32Array(clusterCount).fill(-1);
  const least = new Float32Array(clusterCount).fill(Infinity);
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row]!;
    if (number === NOISE) continue;
    const point = pointAt({ points, dimension }, row);
    const distance = distanceFrom(point, means, number * dimension);
    const medoid = medoids[number]!;
    const isTied = distance === least[number] && firstAppearance[row]! < firstAppearance[medoid]!;
    if (medoid < 0 || distance < least[number]! || isTied) {
      least[number] = distance;
      medoids[number] = row;
    }
  }
  return medoids;
}

function weightedMeans(
  { points, dimension, weights }: WeightedPoints,
  numbers: Int32Array,
  clusterCount: number,
): Float64Array {
  const means = new Float64Array(clusterCount * dimension);
  const totals = new Float64Array(clusterCount);
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row]!;
    if (number === NOISE) continue;
    const weight = weights[row]!;
    totals[number]! += weight;
    const from = row * dimension;
    const to = number * dimension;
    for (let at = 0; at < dimension; at++) means[to + at]! += weight * points[from + at]!;
  }
  return means.map((sum, place) => sum / totals[Math.floor(place / dimension)]!);
}

/** Rounded to float32, from the mean that begins at a place of `means`. */
function distanceFrom(point: Float32Array, means: Float64Array, place: number): number {
  let sum = 0;
  for (let at = 0; at < point.length; at++) {
    const difference = point[at]! - means[place + at]!;
    sum += difference * difference;
  }
  return Math.fround(Math.sqrt(sum));
}

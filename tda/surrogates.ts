import { TdaInputError } from './errors.js';
import { checkPoints } from './input.js';
import { atOnce } from './pacer.js';
import { SeededRandom, shuffle } from './random.js';

/** What a surrogate keeps of a trajectory; see `surrogate`. */
export type SurrogateKind = 'shuffled_increments' | 'sphere';

/** How far the length of a point may be from 1 in a cloud that counts as one of unit vectors. */
const UNIT_TOLERANCE = 1e-4;

/**
 * A random cloud like `points`, which keeps only what its null model keeps: as many points, row-major (n ×
 * dimension), in the same unit. Equal arguments give equal numbers on every machine. `points` is read in
 * order, repeats included, and is not changed. `seed` is an integer from 0 to 2^53 - 1.
 *
 * - `shuffled_increments`: the first point, then the increments x[t + 1] - x[t] in a random order
 *   (Fisher-Yates; Durstenfeld 1964, Algorithm 235), summed up in float64. This is a random walk with exactly
 *   the steps of the trajectory. It loses how the steps led on from each other and came back; it keeps the
 *   last point. If all points are unit vectors (within 1e-4), every point of the walk is scaled to length 1
 *   again, and keeps only its direction. Without that, the walk would leave the sphere, on which such an
 *   embedding stays, and spread with the root of its length. Its loops would be so much longer than loops
 *   that fit on the sphere that hardly a trajectory could rank first. The test stays exact: the trajectory is
 *   one of the walks, and scaling does not move its points.
 * - `sphere`: independent directions, uniform on the sphere in `dimension` dimensions (normalised normal
 *   vectors; Muller 1959), moved and scaled so that their centroid and the root mean square of their pairwise
 *   distances are the cloud's. It loses everything but size and number of points. (Directions that all
 *   coincide cannot be scaled so; they are drawn again.)
 *
 * Throws TdaInputError for an empty, ragged or non-finite cloud, and for a seed out of range.
 */
export function surrogate(
  points: Float32Array,
  dimension: number,
  kind: SurrogateKind,
  seed: number,
): Float32Array {
  const pointCount = atOnce(checkPoints(points, dimension));
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new TdaInputError(`seed is ${seed}; expected an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  const random = new SeededRandom(seed);
  switch (kind) {
    case 'shuffled_increments':
      return shuffledIncrements(points, dimension, pointCount, random);
    case 'sphere':
      return sphere(points, dimension, pointCount, random);
    default:
      throw new TdaInputError(`kind is "${String(kind)}"; expected shuffled_increments or sphere`);
  }
}

function shuffledIncrements(
  points: Float32Array,
  dimension: number,
  pointCount: number,
  random: SeededRandom,
): Float32Array {
  const order = shuffled(pointCount - 1, random);
  const isUnit = areUnitVectors(points, dimension, pointCount);
  const walk = new Float32Array(points.length);
  walk.set(points.subarray(0, dimension));
  const position = Float64Array.from(points.subarray(0, dimension));
  for (let step = 0; step < order.length; step++) {
    const from = order[step]! * dimension;
    for (let c = 0; c < dimension; c++) {
      position[c]! += points[from + dimension + c]! - points[from + c]!;
    }
    // A walk that comes to the origin has no direction there.
    const length = (isUnit && norm(position)) || 1;
    const to = (step + 1) * dimension;
    for (let c = 0; c < dimension; c++) walk[to + c] = position[c]! / length;
  }
  return walk;
}

/** 0..count-1 in a random order. */
function shuffled(count: number, random: SeededRandom): Int32Array {
  const order = Int32Array.from({ length: count }, (_, place) => place);
  shuffle(order, random);
  return order;
}

function areUnitVectors(points: Float32Array, dimension: number, pointCount: number): boolean {
  for (let row = 0; row < pointCount; row++) {
    const length = norm(points.subarray(row * dimension, (row + 1) * dimension));
    if (Math.abs(length - 1) > UNIT_TOLERANCE) return false;
  }
  return true;
}

function norm(vector: Float32Array | Float64Array): number {
  let sum = 0;
  for (let c = 0; c < vector.length; c++) sum += vector[c]! * vector[c]!;
  return Math.sqrt(sum);
}

function sphere(
  points: Float32Array,
  dimension: number,
  pointCount: number,
  random: SeededRandom,
): Float32Array {
  const centre = centroid(points, dimension, pointCount);
  const size = scatter(points, dimension, centre);
  if (size === 0) return points.slice();
  const cloud = new Float32Array(points.length);
  let drawnCentre: Float64Array;
  let drawnSize: number;
  do {
    for (let row = 0; row < pointCount; row++) {
      drawDirection(cloud.subarray(row * dimension, (row + 1) * dimension), random);
    }
    drawnCentre = centroid(cloud, dimension, pointCount);
    drawnSize = scatter(cloud, dimension, drawnCentre);
  } while (drawnSize === 0);
  // The mean of the squared pairwise distances of n points is 2 / (n - 1) times their scatter.
  const scale = Math.sqrt(size / drawnSize);
  for (let k = 0; k < cloud.length; k++) {
    const c = k % dimension;
    cloud[k] = centre[c]! + scale * (cloud[k]! - drawnCentre[c]!);
  }
  return cloud;
}

function drawDirection(out: Float32Array, random: SeededRandom): void {
  let length = 0;
  while (length === 0) {
    for (let c = 0; c < out.length; c++) out[c] = random.normal();
    length = norm(out);
  }
  for (let c = 0; c < out.length; c++) out[c] = out[c]! / length;
}

function centroid(points: Float32Array, dimension: number, pointCount: number): Float64Array {
  const sum = new Float64Array(dimension);
  for (let k = 0; k < points.length; k++) sum[k % dimension]! += points[k]!;
  return sum.map((coordinate) => coordinate / pointCount);
}

/** Sum of the squared distances from `centre`. */
function scatter(points: Float32Array, dimension: number, centre: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < points.length; k++) {
    const difference = points[k]! - centre[k % dimension]!;
    sum += difference * difference;
  }
  return sum;
}

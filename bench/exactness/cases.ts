import { euclideanDistances } from '../../tda/index.js';

/** A filtration to compare. */
export interface Case {
  readonly pointCount: number;
  /** Strict lower triangle. */
  readonly distances: Float32Array;
  readonly maxEdgeLength: number;
  /** Set if the distances are those of points. */
  readonly cloud?: { readonly points: Float32Array; readonly dimension: number };
}

/** Uniform in [0, 1). */
type Random = () => number;

/** Makes a random case. Small numbers of points are more frequent than large ones. */
export type CaseMaker = (random: Random) => Case;

const MOST_POINTS = 60;

/** The kinds of cases. Each can go wrong in its own way. */
export const KINDS: Readonly<Record<string, CaseMaker>> = {
  'uniform points': (random) => {
    const dimension = integer(random, 1, 8);
    return ofPoints(coordinates(pointCount(random) * dimension, random), dimension);
  },
  'points about a sphere': (random) => {
    const thickness = 0.3 * random();
    const rows = Array.from({ length: pointCount(random) }, () => {
      const row = [gaussian(random), gaussian(random), gaussian(random)];
      const scale = (1 + thickness * random()) / Math.hypot(...row);
      return row.map((x) => scale * x);
    });
    return ofPoints(Float32Array.from(rows.flat()), 3);
  },
  'points of an integer grid': (random) => {
    const dimension = integer(random, 1, 4);
    const side = integer(random, 1, 6);
    const points = Float32Array.from({ length: pointCount(random) * dimension }, () =>
      integer(random, 0, side),
    );
    return ofPoints(points, dimension);
  },
  'points with duplicates': (random) => {
    const dimension = integer(random, 1, 5);
    const count = pointCount(random);
    const points = coordinates(count * dimension, random);
    for (let row = 1; row < count; row++) {
      const original = integer(random, 0, row - 1) * dimension;
      if (random() < 0.4) points.copyWithin(row * dimension, original, original + dimension);
    }
    return ofPoints(points, dimension);
  },
  'points, longest edge': (random) => {
    const dimension = integer(random, 1, 5);
    const whole = ofPoints(coordinates(pointCount(random) * dimension, random), dimension);
    return { ...whole, maxEdgeLength: someLength(whole.distances, random) };
  },
  'tiny and huge points': (random) => {
    const scale = random() < 0.5 ? 1e-9 : 1e9;
    const points = coordinates(3 * pointCount(random), random).map((x) => scale * x);
    // The tolerance of 1e-5 means nothing for such lengths, so the case has no cloud.
    return {
      pointCount: points.length / 3,
      distances: euclideanDistances(points, 3),
      maxEdgeLength: Infinity,
    };
  },
  'cosine distances': (random) => {
    const dimension = integer(random, 2, 6);
    const count = pointCount(random);
    const points = Float64Array.from({ length: count * dimension }, () => gaussian(random));
    return ofMatrix(count, (i, j) => cosineDistance(points, dimension, i, j));
  },
  'non-metric matrices': (random) => ofMatrix(pointCount(random), random),
  'non-metric matrices, longest edge': (random) => {
    const whole = ofMatrix(pointCount(random), random);
    return { ...whole, maxEdgeLength: someLength(whole.distances, random) };
  },
  'integer matrices with ties': (random) => {
    const [least, most] = [integer(random, 0, 1), integer(random, 1, 8)];
    const whole = ofMatrix(pointCount(random), () => integer(random, least, most));
    return random() < 0.7 ? whole : { ...whole, maxEdgeLength: someLength(whole.distances, random) };
  },
  'graphs of infinite distances': (random) => {
    const density = 0.2 + 0.7 * random();
    const lengths = integer(random, 1, 5);
    return ofMatrix(pointCount(random), () => (random() < density ? integer(random, 1, lengths) : Infinity));
  },
};

/** The case of a cloud. */
export function ofPoints(points: Float32Array, dimension: number): Case {
  return {
    pointCount: points.length / dimension,
    distances: euclideanDistances(points, dimension),
    maxEdgeLength: Infinity,
    cloud: { points, dimension },
  };
}

/** Gives the same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

function ofMatrix(pointCount: number, distance: (i: number, j: number) => number): Case {
  const distances = new Float32Array((pointCount * (pointCount - 1)) / 2);
  let k = 0;
  for (let i = 1; i < pointCount; i++) for (let j = 0; j < i; j++) distances[k++] = distance(i, j);
  return { pointCount, distances, maxEdgeLength: Infinity };
}

function pointCount(random: Random): number {
  return 1 + Math.floor(MOST_POINTS * random() ** 1.5);
}

/**
 * With equal probability one of the distances, which is still within the limit, or a length between two of
 * them.
 */
function someLength(distances: Float32Array, random: Random): number {
  const length = distances[integer(random, 0, distances.length - 1)] ?? 1;
  return random() < 0.5 ? length : length * (0.8 + 0.4 * random());
}

function cosineDistance(points: Float64Array, dimension: number, i: number, j: number): number {
  let [product, squaresI, squaresJ] = [0, 0, 0];
  for (let c = 0; c < dimension; c++) {
    const [x, y] = [points[i * dimension + c]!, points[j * dimension + c]!];
    product += x * y;
    squaresI += x * x;
    squaresJ += y * y;
  }
  return Math.max(0, 1 - product / Math.sqrt(squaresI * squaresJ));
}

function coordinates(length: number, random: Random): Float32Array {
  return Float32Array.from({ length }, random);
}

function integer(random: Random, least: number, most: number): number {
  return least + Math.floor((most - least + 1) * random());
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

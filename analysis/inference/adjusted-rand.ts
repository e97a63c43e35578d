import { NOISE } from '../clusters/membership.js';
import { AnalysisInputError } from '../errors.js';

/**
 * The adjusted Rand index of two partitions of the same points: 1 if they are equal, 0 on average over partitions
 * with these sizes, below 0 if they agree less than that. Labels are any whole numbers; noise (-1) is a class as
 * any other. Partitions that are trivial in the same way (both of one class, or both of single points) have 1.
 * Null without a point.
 *
 * Throws AnalysisInputError for partitions of different points.
 *
 * Source: Hubert & Arabie 1985, J. Classif. 2:193.
 */
export function adjustedRandIndex(a: Int32Array, b: Int32Array): number | null {
  refuseOtherPoints(a, b);
  if (a.length === 0) return null;
  const classesOfA = denseClasses(a);
  const classesOfB = denseClasses(b);
  const cells = new Map<number, number>();
  for (let point = 0; point < a.length; point++) {
    const cell = classesOfA.classOf[point]! * classesOfB.sizes.length + classesOfB.classOf[point]!;
    cells.set(cell, (cells.get(cell) ?? 0) + 1);
  }
  const together = pairsWithin(cells.values());
  const inA = pairsWithin(classesOfA.sizes);
  const inB = pairsWithin(classesOfB.sizes);
  const pairs = (a.length * (a.length - 1)) / 2;
  if (inA === inB && (inA === 0 || inA === pairs)) return 1;
  const expected = inA * (inB / pairs);
  return (together - expected) / ((inA + inB) / 2 - expected);
}

/**
 * The labels of the points that both partitions put into a cluster, in their order.
 *
 * Throws AnalysisInputError for partitions of different points.
 */
export function clusteredInBoth(a: Int32Array, b: Int32Array): { a: Int32Array; b: Int32Array } {
  refuseOtherPoints(a, b);
  const isClustered = (_: number, point: number): boolean => a[point] !== NOISE && b[point] !== NOISE;
  return { a: a.filter(isClustered), b: b.filter(isClustered) };
}

function refuseOtherPoints(a: Int32Array, b: Int32Array): void {
  if (a.length !== b.length) {
    throw new AnalysisInputError(
      `a labels ${a.length} points and b ${b.length}; expected two partitions of the same points`,
    );
  }
}

/** Classes numbered from 0, in order of their first point. */
function denseClasses(labels: Int32Array): { classOf: Uint32Array; sizes: number[] } {
  const numbers = new Map<number, number>();
  const sizes: number[] = [];
  const classOf = new Uint32Array(labels.length);
  for (let point = 0; point < labels.length; point++) {
    const known = numbers.get(labels[point]!);
    const number = known ?? sizes.push(0) - 1;
    if (known === undefined) numbers.set(labels[point]!, number);
    classOf[point] = number;
    sizes[number]!++;
  }
  return { classOf, sizes };
}

function pairsWithin(sizes: Iterable<number>): number {
  let pairs = 0;
  for (const size of sizes) pairs += (size * (size - 1)) / 2;
  return pairs;
}

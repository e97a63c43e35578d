/**
 * Seconds that `ripsPersistence` takes about, on one core of a machine of 2025, for a trajectory that drifts: unit vectors, a
 * mean-reverting walk in a dozen directions with noise in all. One that settles, or goes round, takes less; independent
 * directions, whose distances are all alike, take far more: in degree 2 a second for 300 points, six for 500.
 *
 * A measured model (`bench/persistence.ts`), good to a factor of two between 500 and 10,000 points: 0.25 ns for each pair and
 * coordinate, and a cube of the number of points for the links.
 */
export function predictRipsSeconds(pointCount: number, maxDimension: 0 | 1 | 2, dimension: number): number {
  const distances = 0.25e-9 * dimension * (pointCount ** 2 / (maxDimension === 0 ? 1 : 2));
  return distances + LINK_SECONDS[maxDimension] * (pointCount / 1000) ** 3;
}

/** By degree, for 1,000 points. */
const LINK_SECONDS = [0, 0.035, 0.27] as const;

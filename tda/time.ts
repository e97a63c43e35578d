import { assertNever } from '../common/errors.js';
import type { SurrogateKind } from './surrogates.js';

/**
 * Approximate seconds that `ripsPersistence` takes, on one core of a machine of 2025, for a trajectory that
 * drifts: unit vectors, a mean-reverting walk in a dozen directions with noise in all. A trajectory that
 * settles, or goes round, takes less. Independent directions, whose distances are all alike, take far more:
 * in degree 2 a second for 300 points, six for 500.
 *
 * A measured model (`bench/persistence.ts`), good to a factor of two between 500 and 10,000 points: 0.25 ns
 * for each pair and coordinate, and a cube of the number of points for the links.
 */
export function predictRipsSeconds(pointCount: number, maxDimension: 0 | 1 | 2, dimension: number): number {
  const distances = 0.25e-9 * dimension * (pointCount ** 2 / (maxDimension === 0 ? 1 : 2));
  return distances + LINK_SECONDS[maxDimension] * (pointCount / 1000) ** 3;
}

/** By degree, for 1,000 points. */
const LINK_SECONDS = [0, 0.035, 0.27] as const;

/**
 * The same for the diagram of a surrogate. `shuffled_increments` is a walk, as the trajectory is. `sphere`
 * has independent directions: its links grow faster, in degree 1 with the power 2.5, in degree 2 with 3.5 up
 * to 500 points and 5 beyond (`bench/persistence.ts`, family `iid`). Good to a factor of three from 100
 * points on.
 */
export function predictSurrogateSeconds(
  kind: SurrogateKind,
  pointCount: number,
  maxDimension: 0 | 1 | 2,
  dimension: number,
): number {
  const walk = predictRipsSeconds(pointCount, maxDimension, dimension);
  switch (kind) {
    case 'shuffled_increments':
      return walk;
    case 'sphere':
      return walk + SPHERE_LINK_SECONDS[maxDimension](pointCount);
    default:
      return assertNever(kind);
  }
}

/** Additional time of a diagram of any size: its buffers, its rows, its way to a thread. */
export const DIAGRAM_START_SECONDS = 0.001;

const SPHERE_LINK_SECONDS = [
  () => 0,
  (count: number) => 0.7 * (count / 1000) ** 2.5,
  (count: number) => 6.5 * (count / 500) ** (count <= 500 ? 3.5 : 5),
] as const;
